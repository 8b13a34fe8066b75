import type { Command } from 'commander'
import { nodesText } from './cluster-text.ts'
import { AT_ONCE, contextOf } from './context.ts'
import { jsonText, print } from './output.ts'

/** Adds `stratolog node list`. */
export function addNodeCommands(program: Command): void {
  program
    .command('node')
    .description('the storage nodes')
    .command('list')
    .description('show the storage nodes')
    .action(async (_options: unknown, command: Command) => {
      const { connect, signal, output } = contextOf(command)
      const cluster = await connect(AT_ONCE).call('describe-cluster', {}, { signal })
      await print(process.stdout, output === 'json' ? jsonText(cluster) : nodesText(cluster.nodes))
    })
}
