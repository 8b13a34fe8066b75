import { concurrently } from './concurrent.ts'
import type { Control } from './control.ts'
import { type Partition, partitionName } from './heads.ts'
import { leaveOut } from './leave-out.ts'
import { reconcilePartition } from './reconcile-partition.ts'

/** After so many failures it is not the partitions that are at fault. */
const MAX_FAILURES = 16

/**
 * Reconciles partitions, some at a time; answers how many failed. One whose head cannot be read or written keeps no other
 * one without a leader.
 *
 * @throws KafkaError NOT_CONTROLLER when another controller took over, and what failed when nearly all do
 */
export async function reconcileEach(control: Control, partitions: readonly Partition[]): Promise<number> {
  let failures = 0
  await concurrently(partitions, control.deps.limits.parallelDocuments, async (partition) => {
    await control.deps.clock.giveWay()
    await control.renew()
    try {
      await reconcilePartition(control, partition)
    } catch (thrown) {
      failures += 1
      const about = { partition: partitionName(partition) }
      leaveOut(control.deps, { fact: 'partition was not reconciled', about }, thrown)
      if (failures >= MAX_FAILURES) throw thrown
    }
  })
  return failures
}
