import { KafkaError } from '../protocol/kafka-error.ts'
import { concurrently } from './concurrent.ts'
import type { Control } from './control.ts'
import { type Partition, partitionName } from './heads.ts'
import { reconcilePartition } from './reconcile-partition.ts'
import { asKafkaError } from './rows.ts'

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
      leaveOut(control, partition, { thrown, failures })
    }
  })
  return failures
}

function leaveOut(
  { deps }: Control,
  partition: Partition,
  { thrown, failures }: { thrown: unknown; failures: number },
): void {
  if (thrown instanceof KafkaError && thrown.errorName === 'NOT_CONTROLLER') throw thrown
  const { message } = asKafkaError(deps, thrown, { partition: partitionName(partition) })
  deps.log.warn('partition was not reconciled', { partition: partitionName(partition), error: message })
  if (failures >= MAX_FAILURES) throw thrown
}
