import type { Head } from '../core/head.ts'
import { producerToSpill } from '../core/head-answer.ts'
import { spillProducer } from '../core/head-commands.ts'
import { pageOfTail } from '../core/index-page.ts'
import { epochOf } from '../core/lineage.ts'
import { producerKey, unpackProducerState } from '../core/producer-state.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import type { Expected } from '../store/document-store.ts'
import { decodeHead } from '../store/items/head-item.ts'
import {
  decodeSpilledProducer,
  encodeSpilledProducer,
  type SpilledProducer,
} from '../store/items/producer-item.ts'
import { headKey, producerStateKey } from '../store/keys.ts'
import { updateDocument } from '../store/update.ts'
import type { Deps } from './deps.ts'
import { type Partition, partitionName, pkOf, requireHead, topicGone, updateHead } from './heads.ts'
import { pageTail } from './page-tail.ts'

/** What is stored of a producer outside the head, read strongly; undefined when it was never moved out. */
export async function readSpilledProducer(
  deps: Deps,
  partition: Partition,
  producer: string,
): Promise<SpilledProducer | undefined> {
  const item = await deps.documents.get(producerStateKey(pkOf(partition), producer), 'strong')
  return item === undefined ? undefined : decodeSpilledProducer(item)
}

/** How many tries of a write one append has left to make room: however often it needs room. */
export interface SpillBudget {
  triesLeft: number
}

/** Who needs room, for how long it is waited for, and at what cost. */
interface RoomTerms {
  readonly producerId: number
  readonly timeoutMs: number
  readonly budget: SpillBudget
}

/**
 * Makes room for a producer in a head that is full of them; answers the head after it, or one that is to judge anew. Of many
 * handlers at once each makes the room that it takes: one that is too late does not take another one's, but waits for its
 * turn. It polls by reads, since a refused write costs as much as one that is applied.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when there is no room in time: no producer can leave yet, or too many come
 * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION when the topic was deleted meanwhile
 */
export async function makeRoomForProducer(
  deps: Deps,
  partition: Partition,
  known: Head,
  { producerId, timeoutMs, budget }: RoomTerms,
): Promise<Head> {
  const { clock, limits } = deps
  const giveUpAtMs = clock.nowMs() + Math.min(limits.spillWaitMs, timeoutMs)
  const making: Making = { deps, partition, producerId, budget, head: known, awaited: undefined }
  let hadRoom = false
  const isOver = (head: Head) => {
    if (head.producers[producerKey(producerId)] !== undefined) return true
    if (head.leaderEpoch !== known.leaderEpoch) return true
    if (!hasRoom(deps, head)) return false
    // Who made room has had time to take it, or nothing else is left.
    return hadRoom || budget.triesLeft === 0 || producerToSpill(head, producerId) === undefined
  }
  for (;;) {
    if (await makeOwn(making)) return making.head
    if (clock.nowMs() >= giveUpAtMs) {
      throw new KafkaError(
        'KAFKA_STORAGE_ERROR',
        `too many producers at once partition=${partitionName(partition)}`,
      )
    }
    await clock.sleep(Math.min(pollMs(deps), giveUpAtMs - clock.nowMs()))
    making.head = await look(deps, partition)
    if (isOver(making.head)) {
      making.head = await requireHead(deps, partition)
      if (isOver(making.head)) return making.head
    }
    hadRoom = hasRoom(deps, making.head)
  }
}

/** Room being made, over several looks at the head. */
interface Making {
  readonly deps: Deps
  readonly partition: Partition
  readonly producerId: number
  readonly budget: SpillBudget
  head: Head
  /** What the last look left to others: a producer that was to leave, or a tail that was to be paged. */
  awaited: string | undefined
}

/** Makes room unless another handler is at it: then it is left to that one until the next look. True when there is room. */
async function makeOwn(making: Making): Promise<boolean> {
  const { deps, partition, producerId, budget, head, awaited } = making
  if (budget.triesLeft === 0) return false
  const producer = producerToSpill(head, producerId)
  making.awaited = producer ?? `@${head.logEndOffset}`
  const isAwaited = making.awaited === awaited
  if (producer !== undefined) return spill(making, producer, isAwaited)
  // Where the last batches of all producers are still in the tail, nobody could leave until others append: it is paged.
  if (!isAwaited || pageOfTail(head) === undefined) return false
  budget.triesLeft -= 1
  making.head = await pageTail(deps, partition, head)
  return makeOwn(making)
}

/**
 * A producer gets a document of its own, then leaves the head if nothing of it changed meanwhile. Where another handler
 * put the document it moves the producer out, too, unless it was seen not to.
 */
async function spill(making: Making, producer: string, isAwaited: boolean): Promise<boolean> {
  const { deps, partition, budget, head } = making
  const spilled = {
    state: unpackProducerState(head.producers[producer] ?? 0),
    lastBaseOffset: head.producerOffsets[producer] ?? 0,
    // Of a fenced head the log is the last leader's: the election that ends this epoch may yet truncate it.
    leaderEpoch: epochOf(head.lineage, head.logEndOffset),
    spilledAtMs: deps.clock.nowMs(),
  }
  const puts = await storeIfNewer(deps, partition, producer, spilled)
  if (!puts.isOwn && !isAwaited) {
    if (puts.count > 0) budget.triesLeft -= 1
    return false
  }
  for (let planned = head; budget.triesLeft > 0; planned = making.head) {
    budget.triesLeft -= 1
    const verdict = await updateHead(deps, partition, spillProducer(planned, producer))
    if (verdict.head === undefined) {
      // Who deleted the topic may have swept before the document was put.
      await deps.documents.delete(producerStateKey(pkOf(partition), producer), [])
      throw topicGone(partition)
    }
    making.head = verdict.head
    if (verdict.applied) return true
    if (!isOvertaken(planned, verdict.head, producer)) return false
  }
  return false
}

/** Whether the producer could not leave `planned` only because one with a later batch left first. */
function isOvertaken(planned: Head, head: Head, producer: string): boolean {
  return (
    head.maxEvictedOffset > planned.maxEvictedOffset &&
    head.leaderEpoch === planned.leaderEpoch &&
    head.producers[producer] === planned.producers[producer] &&
    head.producerOffsets[producer] === planned.producerOffsets[producer]
  )
}

function hasRoom({ limits }: Deps, head: Head): boolean {
  return Object.keys(head.producers).length < limits.maxHeadProducers
}

/** Of many that wait, each looks at another time: who looks later finds what another one is at, and leaves it to that one. */
function pollMs({ limits, randomBytes }: Deps): number {
  const [byte = 0] = randomBytes(1)
  return limits.spillPollMs + (byte % (limits.maxSpillPollMs - limits.spillPollMs + 1))
}

/** The head as it was a moment ago; an eventual read, good to plan a spill by, whose checks fence its age. */
async function look(deps: Deps, partition: Partition): Promise<Head> {
  const key = headKey(partition.topic.topicId, partition.partitionIndex)
  const item = await deps.documents.get(key, 'eventual')
  return item === undefined ? requireHead(deps, partition) : decodeHead(item)
}

/**
 * A spiller that slept must not overwrite what is known since: the document is put only if (producer epoch, leader epoch,
 * last offset) rises. After an unclean election the last offset may be below that of a batch which was truncated. Answers
 * how many puts were tried, and whether the last one is what is stored.
 */
async function storeIfNewer(deps: Deps, partition: Partition, producer: string, spilled: SpilledProducer) {
  let count = 0
  let isOwn = false
  const put = (expected: Expected) => {
    count += 1
    isOwn = true
    return { item: encodeSpilledProducer(spilled), expected }
  }
  await updateDocument(deps.documents, producerStateKey(pkOf(partition), producer), (item) => {
    isOwn = false
    if (item === undefined) return put('absent')
    const stored = decodeSpilledProducer(item)
    if (!isNewer(spilled, stored)) return undefined
    return put(stored.version)
  })
  return { count, isOwn }
}

function isNewer(spilled: SpilledProducer, stored: SpilledProducer): boolean {
  const epochs = spilled.state.producerEpoch - stored.state.producerEpoch
  if (epochs !== 0) return epochs > 0
  const leaders = spilled.leaderEpoch - stored.leaderEpoch
  return leaders > 0 || (leaders === 0 && spilled.lastBaseOffset > stored.lastBaseOffset)
}
