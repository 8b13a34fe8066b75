import type { SeedReport } from './run-seed.ts'

/** Failures that are told with all that was drawn, and with their problem; of the others only the seeds are. */
const IN_FULL = 3
const IN_A_LINE = 20
/** Words of a problem by which failures are put together. */
const WORDS = 6
/** Seeds of one kind that are listed. */
const SEEDS_LISTED = 20

/** The options that plant a bug. */
export function planting(plant: string | undefined): readonly string[] {
  return plant === undefined ? [] : ['--plant', plant]
}

/** The command that shows one seed again, with the bug that it had. */
export function replayOf(seed: number, plant: string | undefined): string {
  return ['npm run sim --', ...planting(plant), '--replay', seed].join(' ')
}

/** The seeds of a sweep that failed: tells of each at once, the first ones in full, and at last of all by kind. */
export function newFailures(plant: string | undefined) {
  const kinds = new Map<string, Set<number>>()
  const seeds = new Set<number>()
  return {
    seeds,

    /** `report` is undefined where the process died. */
    add(seed: number, problems: readonly string[], report: SeedReport | undefined): void {
      const [first = ''] = problems
      seeds.add(seed)
      const kind = kindOf(first)
      kinds.set(kind, (kinds.get(kind) ?? new Set()).add(seed))
      if (seeds.size > IN_A_LINE) return
      const at =
        report?.brokeAt === undefined ? '' : ` at ${report.brokeAt.ms} ms, event #${report.brokeAt.step}`
      const head = `seed ${seed} failed${at}: `
      const line = first.split('\n')[0]
      process.stdout.write(seeds.size > IN_FULL ? `${head}${line}\n` : `${head}${first}\n`)
      if (seeds.size > IN_FULL) return
      for (const problem of problems.slice(1)) process.stdout.write(`  also: ${problem}\n`)
      if (report !== undefined) process.stdout.write(`  drawn: ${JSON.stringify(report.configuration)}\n`)
      process.stdout.write(`  replay: ${replayOf(seed, plant)}\n`)
    },

    sum(): void {
      if (seeds.size === 0) return
      console.log('failed seeds, by the first words of their first problem:')
      const bySize = [...kinds].sort(([, a], [, b]) => b.size - a.size)
      for (const [kind, failed] of bySize) {
        const listed = [...failed].sort((a, b) => a - b).slice(0, SEEDS_LISTED)
        const more = failed.size > listed.length ? ' …' : ''
        console.log(`  ${String(failed.size).padStart(5)}  ${kind}: ${listed.join(' ')}${more}`)
      }
      console.log(`one of them again: ${replayOf([...seeds][0] ?? 0, plant)}`)
    },
  }
}

/** The words of a problem before the first name or number in it: the same for what is broken in the same way. */
export function kindOf(problem: string): string {
  const words = (problem.split('\n')[0] ?? '').split(' ')
  // `invariant: I14: …` has its own name.
  const end = words.findIndex((word, at) => at > 0 && /[\d/{[(]/.test(word) && !/^[A-Z]\d+:?$/.test(word))
  const kept = words.slice(0, Math.min(end < 0 ? words.length : end, WORDS))
  return kept.join(' ').replace(/:$/, '')
}
