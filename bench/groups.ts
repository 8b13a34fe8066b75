/**
 * Counts what a consumer group asks of DynamoDB until all its members are in one stable generation: the services in this
 * process over the embedded store in memory, a few milliseconds away, each member with an environment of its own.
 */
import { countHeartbeat, type GroupStart, startGroup } from './group-counts.ts'
import { parseOptions } from './parse-options.ts'
import { print } from './print-table.ts'

const values = parseOptions('npm run bench:groups -- [--json]', {
  json: { type: 'boolean', default: false },
})

const STARTS = [
  { members: 1, initialDelayMs: 0 },
  { members: 3, initialDelayMs: 0 },
  { members: 3, initialDelayMs: 3000 },
  { members: 60, initialDelayMs: 0 },
  { members: 60, initialDelayMs: 3000 },
]

const heartbeat = await countHeartbeat()
const starts: GroupStart[] = []
for (const { members, initialDelayMs } of STARTS) starts.push(await startGroup(members, initialDelayMs))

if (values.json) console.log(JSON.stringify({ heartbeat, starts }))
else {
  const row = (name: string, of: (start: GroupStart) => number | string) => [
    name,
    ...starts.map((start) => String(of(start))),
  ]
  const sum = (counts: Readonly<Record<string, number>>) =>
    Object.values(counts).reduce((all, number) => all + number, 0)
  const names = (of: (start: GroupStart) => Readonly<Record<string, number>>) =>
    [...new Set(starts.flatMap((start) => Object.keys(of(start))))].sort()
  print([
    row('members', ({ members }) => members),
    row('initial delay', ({ initialDelayMs }) => `${initialDelayMs / 1000} s`),
    row('generations', ({ generations }) => generations),
    row('time', ({ seconds }) => `${seconds.toFixed(1)} s`),
    ...names(({ requests }) => requests).map((api) => row(api, ({ requests }) => requests[api] ?? '')),
    ...names(({ calls }) => calls).map((call) => row(call, ({ calls }) => calls[call] ?? '')),
    row('calls in all', ({ calls }) => sum(calls)),
    row('calls per member', ({ calls, members }) => (sum(calls) / members).toFixed(1)),
  ])
  console.log(`a heartbeat: ${Object.entries(heartbeat).flat().join(' ')}`)
}
