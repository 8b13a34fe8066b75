import { type Command, Option } from 'commander'
import { rowError, type Transport } from '../client/index.ts'
import { GROUP_STATES, type GroupState, type ListGroupsResponse } from '../shared/protocol/api/groups.ts'
import { printAnswer } from './answer.ts'
import { AT_ONCE, CommandError, type Context, contextOf } from './context.ts'
import { describeGroup } from './describe-group.ts'
import { errorText } from './error-text.ts'
import { integer, MAX_INT32, parsed, repeated, repeatedChoice } from './options.ts'
import { jsonText, print } from './output.ts'
import { type SeekOptions, seekGroup } from './seek-group.ts'
import { parseStartOffset } from './start-offset.ts'
import { table } from './table.ts'

/** Ten million groups: more would be a service that never ends its list. */
const MAX_PAGES = 10_000

/** Adds `stratolog group list|describe|seek|delete`. */
export function addGroupCommands(program: Command): void {
  const group = program.command('group').description('consumer groups')
  group
    .command('list')
    .description('list all groups')
    .addOption(
      new Option('--state <state>', 'only groups in this state; repeatable')
        .choices(GROUP_STATES)
        .argParser(repeatedChoice(GROUP_STATES)),
    )
    .action(({ state }: { state?: readonly GroupState[] }, command: Command) =>
      list(state ?? [], contextOf(command)),
    )
  group
    .command('describe')
    .description('show what a group has committed, how far behind it is, and who reads what')
    .argument('<group>')
    .action((groupId: string, _options: unknown, command: Command) =>
      describeGroup(groupId, contextOf(command)),
    )
  group
    .command('seek')
    .description('commit other offsets for a group that has no members')
    .argument('<group>')
    .addOption(
      new Option(
        '--to <where>',
        'start (beginning, earliest), end (latest), offset N, -N before the end, @ms a timestamp',
      )
        .argParser(parsed(parseStartOffset, 'start, end, N, -N or @ms'))
        .makeOptionMandatory(),
    )
    .option(
      '--topic <topic>',
      'only this topic, also one that it has committed nothing of; repeatable',
      repeated,
    )
    .option('-p, --partition <n>', 'only this partition', integer(0, MAX_INT32))
    .option('--dry-run', 'only show the offsets')
    .action((groupId: string, options: SeekOptions, command: Command) =>
      seekGroup(groupId, options, contextOf(command)),
    )
  group
    .command('delete')
    .description('delete groups that have no members, and what they have committed')
    .argument('<groups...>')
    .action((groups: readonly string[], _options: unknown, command: Command) =>
      remove(groups, contextOf(command)),
    )
}

async function list(states: readonly GroupState[], context: Context): Promise<void> {
  const statesFilter = [...new Set(states)]
  const answer = await allGroups(context.connect(AT_ONCE), statesFilter, context.signal)
  const lines = answer.groups.map(({ groupId, groupState, protocolType }) => [
    groupId,
    groupState,
    protocolType,
  ])
  const text = () => table(['GROUP', 'STATE', 'PROTOCOL-TYPE'], lines)
  await printAnswer(context, { answer, rows: [], text })
}

/** Every page of the groups as one answer. */
async function allGroups(
  transport: Transport,
  statesFilter: readonly GroupState[],
  signal: AbortSignal,
): Promise<ListGroupsResponse> {
  const read = (nextToken: string | null) =>
    transport.call('list-groups', { statesFilter: [...statesFilter], nextToken }, { signal })
  let answer = await read(null)
  for (let pages = 1; answer.nextToken !== null && pages < MAX_PAGES; pages += 1) {
    const page = await read(answer.nextToken)
    answer = { ...page, groups: [...answer.groups, ...page.groups] }
  }
  return answer
}

/** Each for itself: those that were deleted are named before those that were not. */
async function remove(groups: readonly string[], context: Context): Promise<void> {
  const { signal, output } = context
  const answer = await context.connect(AT_ONCE).call('delete-groups', { groups: [...groups] }, { signal })
  const deleted = answer.results.filter(({ errorCode }) => errorCode === 0)
  const text = () => deleted.map(({ groupId }) => `Deleted group ${groupId}.\n`).join('')
  await print(process.stdout, output === 'json' ? jsonText(answer) : text())
  const errors = answer.results.map(rowError).filter((error) => error !== undefined)
  if (errors.length > 0) throw new CommandError(errors.map(errorText).join('\n'))
}
