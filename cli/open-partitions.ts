import { StratologError } from '../client/index.ts'
import type { Reading } from './fetch-batches.ts'
import type { WaitingPartition } from './position.ts'
import { startingPositions } from './starting-positions.ts'

/**
 * Moves the waiting partitions that can say where to begin to those that are read. The others go on waiting; answers
 * their errors, which may pass.
 *
 * @throws StratologError naming the partitions, when one cannot be read, or has failed for longer than it may
 */
export async function openPartitions(reading: Reading): Promise<StratologError[]> {
  const { transport, topic, plan, positions, waiting, signal } = reading
  if (waiting.length === 0) return []
  const partitions = waiting.splice(0)
  const started = await startingPositions(transport, { plan, topic, partitions }, signal)
  const errors: StratologError[] = []
  for (const [index, partition] of partitions.entries()) {
    const start = started[index]
    if (start === undefined) continue
    if ('error' in start) {
      partition.failingSinceMs ??= transport.now()
      waiting.push(partition)
      errors.push(start.error)
    } else {
      positions.push(start)
    }
  }
  const lasting = errors.find((error) => !error.retriable) ?? (isOver(reading) ? errors[0] : undefined)
  if (lasting !== undefined) throw cannotBegin(lasting, topic.name, waiting)
  return errors
}

function isOver({ transport, waiting }: Reading): boolean {
  const nowMs = transport.now()
  return waiting.some(
    ({ failingSinceMs = nowMs }) => nowMs - failingSinceMs >= transport.retry.deliveryTimeoutMs,
  )
}

function cannotBegin(
  error: StratologError,
  topic: string,
  waiting: readonly WaitingPartition[],
): StratologError {
  const partitions = waiting.map(({ partition }) => `${topic}-${partition}`).join(',')
  const message = `${error.message} notRead=${partitions}`
  return new StratologError(error.errorName, message, {
    retriable: false,
    effect: 'none',
    httpStatus: 200,
    cause: error,
  })
}
