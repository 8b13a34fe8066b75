import type { Command } from 'commander'
import { StratologError } from '../client/index.ts'
import { NODE_ACTIONS, type NodeAction } from '../shared/protocol/api/node-faults.ts'
import { nodesText } from './cluster-text.ts'
import { AT_ONCE, CommandError, type Context, contextOf } from './context.ts'
import { integer, MAX_INT32 } from './options.ts'
import { jsonText, print } from './output.ts'

const DESCRIPTIONS: Readonly<Record<NodeAction, string>> = {
  fail: 'make a storage node of `stratolog dev` refuse every call, until it is restored',
  hang: 'make a storage node of `stratolog dev` answer no call, until it is restored',
  restore: 'end what fail and hang began, and let the node join again at once',
  wipe: 'remove everything that a storage node of `stratolog dev` has',
}

const DONE: Readonly<Record<NodeAction, (nodeId: number) => string>> = {
  fail: (nodeId) => `Node ${nodeId} fails now.\n`,
  hang: (nodeId) => `Node ${nodeId} hangs now.\n`,
  restore: (nodeId) => `Restored node ${nodeId}.\n`,
  wipe: (nodeId) => `Wiped node ${nodeId}.\n`,
}

/** Adds `stratolog node list|fail|hang|restore|wipe`. */
export function addNodeCommands(program: Command): void {
  const node = program.command('node').description('the storage nodes')
  node
    .command('list')
    .description('show the storage nodes')
    .action((_options: unknown, command: Command) => list(contextOf(command)))
  for (const action of NODE_ACTIONS) {
    node
      .command(action)
      .description(DESCRIPTIONS[action])
      .argument('<node>', 'its id, as `node list` shows it', integer(0, MAX_INT32))
      .action((nodeId: number, _options: unknown, command: Command) =>
        act(nodeId, action, contextOf(command)),
      )
  }
}

async function list({ connect, signal, output }: Context): Promise<void> {
  const cluster = await connect(AT_ONCE).call('describe-cluster', {}, { signal })
  await print(process.stdout, output === 'json' ? jsonText(cluster) : nodesText(cluster.nodes, Date.now()))
}

async function act(nodeId: number, action: NodeAction, context: Context): Promise<void> {
  const { connect, signal, output } = context
  const answer = await connect(AT_ONCE).nodeAction(nodeId, action, { signal }).catch(orNotDev)
  await print(process.stdout, output === 'json' ? jsonText(answer) : DONE[action](nodeId))
}

/** Only a service that has such routes knows which nodes there are. */
function orNotDev(error: unknown): never {
  const isUnknownPath = error instanceof StratologError && error.httpStatus === 404
  if (!isUnknownPath || error.errorName === 'BROKER_ID_NOT_REGISTERED') throw error
  throw new CommandError('only `stratolog dev` can do that', { cause: error })
}
