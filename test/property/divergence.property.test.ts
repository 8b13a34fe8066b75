import fc from 'fast-check'
import { expect, test } from 'vitest'
import { divergence, type EpochLog } from '../../shared/core/lineage.ts'

const REPLICAS = 4

/** A replica’s log: each record is known by the epoch that wrote it, at its offset. `ledBy` is the last epoch it led. */
interface ModelLog {
  readonly epochs: readonly number[]
  readonly ledBy: number | undefined
}

/** One leader epoch: who leads, how much it writes, and up to where each other replica copies from it, if it does. */
interface Term {
  readonly leader: number
  readonly skippedEpochs: number
  readonly written: number
  readonly copied: readonly (number | null)[]
}

const term: fc.Arbitrary<Term> = fc.record({
  leader: fc.nat(REPLICAS - 1),
  skippedEpochs: fc.nat(2),
  written: fc.nat(4),
  copied: fc.array(fc.option(fc.nat(12)), { minLength: REPLICAS, maxLength: REPLICAS }),
})

test('what is kept of a follower’s log is the longest beginning that it shares with the leader’s', () => {
  fc.assert(
    fc.property(fc.array(term, { minLength: 1, maxLength: 12 }), (terms) => {
      const logs = historyOf(terms)
      for (const leader of logs) {
        for (const follower of logs) {
          const kept = divergence(epochLog(leader), epochLog(follower))
          expect(kept).toBe(sharedLength(leader.epochs, follower.epochs))
        }
      }
    }),
    { numRuns: 2000 },
  )
})

/** Anyone may lead, whatever it lacks: elections are unclean. */
function historyOf(terms: readonly Term[]): ModelLog[] {
  let logs: ModelLog[] = Array.from({ length: REPLICAS }, () => ({ epochs: [], ledBy: undefined }))
  let epoch = 0
  for (const { leader, skippedEpochs, written, copied } of terms) {
    epoch += 1 + skippedEpochs
    const before = logs[leader]?.epochs ?? []
    const epochs = [...before, ...Array.from({ length: written }, () => epoch)]
    logs = logs.map((log, replica) => {
      if (replica === leader) return { epochs, ledBy: epoch }
      const end = copied[replica]
      if (end === undefined || end === null) return log
      const shared = sharedLength(epochs, log.epochs)
      return { epochs: epochs.slice(0, Math.max(shared, end)), ledBy: undefined }
    })
  }
  return logs
}

function sharedLength(a: readonly number[], b: readonly number[]): number {
  const fork = a.findIndex((epoch, offset) => epoch !== b[offset])
  return fork < 0 ? a.length : fork
}

/** An epoch begins with its first record, or, of a leader that wrote none, where its log ended. */
function epochLog({ epochs, ledBy }: ModelLog): EpochLog {
  const lineage: Record<string, number> = {}
  for (const [offset, epoch] of epochs.entries()) lineage[epoch] ??= offset
  if (ledBy !== undefined) lineage[ledBy] ??= epochs.length
  return { lineage, logEndOffset: epochs.length }
}
