import {
  finalAborted,
  finalDuplicate,
  finalLost,
  finalOrder,
  finalPhantom,
  offsetGap,
  torn,
  vanishedRead,
  weakLost,
} from './checker-final.ts'
import {
  duplicate,
  inconsistentOffsets,
  lostWrite,
  nonmonotonicSend,
  realtimeInversion,
  staleEnd,
} from './checker-log.ts'
import {
  abortedRead,
  beyondEnd,
  phantomRead,
  pollSkip,
  readFromTheFuture,
  silentTruncation,
} from './checker-polls.ts'
import { type Anomaly, type Check, viewOf } from './checker-view.ts'
import type { History } from './history.ts'

/**
 * Everything that a history shows which must not be. Where an unclean election took what readers counted on, all below
 * still counts, and silence about the rest is what must not be.
 *
 * The anomalies are those of Jepsen's Kafka workload, as far as there are no transactions and no groups, with what a
 * fresh consumer reads in the end besides. Its `unseen` is final-lost then; G1c comes down to reads from the future,
 * as only polls read and only sends write.
 */
export function checkHistory(history: History): readonly Anomaly[] {
  const anomalies: Anomaly[] = []
  const byKey = Map.groupBy(history.operations, ({ key }) => key)
  for (const [key, operations] of byKey) {
    const view = viewOf(key, operations, history)
    const checks = history.final.has(key) ? [...ALWAYS, ...IN_THE_END] : ALWAYS
    for (const check of checks) anomalies.push(...check(view))
  }
  return anomalies
}

const ALWAYS: readonly Check[] = [
  inconsistentOffsets,
  duplicate,
  nonmonotonicSend,
  realtimeInversion,
  staleEnd,
  lostWrite,
  phantomRead,
  abortedRead,
  readFromTheFuture,
  beyondEnd,
  pollSkip,
]

/** What only the end of a log shows, which a deleted topic does not have. */
const IN_THE_END: readonly Check[] = [
  vanishedRead,
  finalLost,
  weakLost,
  finalPhantom,
  finalAborted,
  finalDuplicate,
  finalOrder,
  offsetGap,
  torn,
  silentTruncation,
]
