import { parseArgs } from 'node:util'
import { runSeed } from './run-seed.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
  },
})
const from = Number(values.from)
const seeds = Number(values.seeds)
const total: Record<string, number> = {}
let failed = 0
const startedMs = performance.now()
for (let seed = from; seed < from + seeds; seed += 1) {
  const report = await runSeed(
    seed,
    values.trace ? (atMs, what) => console.log(atMs - Date.UTC(2026, 10, 21, 7), what) : undefined,
  )
  for (const what of Object.keys(report.exercised)) total[what] = (total[what] ?? 0) + 1
  if (report.problems.length === 0) continue
  failed += 1
  console.log(`seed ${seed} failed ${JSON.stringify(report.configuration)}`)
  for (const problem of report.problems) console.log(`  ${problem}`)
}
const seconds = (performance.now() - startedMs) / 1000
console.table(Object.fromEntries(Object.entries(total).sort()))
console.log(`${seeds} seeds, ${failed} failed, ${(seeds / seconds).toFixed(1)} seeds/s`)
process.exitCode = failed > 0 ? 1 : 0
