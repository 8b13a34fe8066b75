/**
 * Counts what the failure of a storage node asks of DynamoDB and S3, and what looking after the nodes does: the services in
 * this process over the embedded store in memory, behind ports that count. The same at every run.
 */
import { countFailover } from './failover-counts.ts'
import { parseOptions } from './parse-options.ts'
import { print } from './print-table.ts'

const values = parseOptions('npm run bench:failover -- [--json]', {
  json: { type: 'boolean', default: false },
})

const steps = await countFailover()
if (values.json) console.log(JSON.stringify(steps))
else for (const group of [steps.slice(0, 4), steps.slice(4, 9), steps.slice(9)]) printGroup(group)

function printGroup(group: typeof steps): void {
  const operations = [...new Set(group.flatMap(({ calls }) => Object.keys(calls)))].sort()
  const sum = (calls: Readonly<Record<string, number>>) =>
    Object.values(calls).reduce((all, number) => all + number, 0)
  print([
    ['calls', ...group.map(({ name }) => name)],
    ...operations.map((operation) => [
      operation,
      ...group.map(({ calls }) => String(calls[operation] ?? '')),
    ]),
    ['all', ...group.map(({ calls }) => String(sum(calls)))],
  ])
}
