import type { Head } from '../core/head.ts'
import { producerToSpill } from '../core/head-answer.ts'
import { spillProducer } from '../core/head-commands.ts'
import { pageOfTail } from '../core/index-page.ts'
import { producerKey, unpackProducerState } from '../core/producer-state.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import {
  decodeSpilledProducer,
  encodeSpilledProducer,
  type SpilledProducer,
} from '../store/items/producer-item.ts'
import { producerStateKey } from '../store/keys.ts'
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
  { producerId, timeoutMs }: { readonly producerId: number; readonly timeoutMs: number },
): Promise<Head> {
  const { clock, limits } = deps
  const giveUpAtMs = clock.nowMs() + Math.min(limits.spillWaitMs, timeoutMs)
  let head = known
  for (;;) {
    if (producerToSpill(head, producerId) === undefined) head = await withoutTail(deps, partition, head)
    const producer = producerToSpill(head, producerId)
    const verdict = producer === undefined ? undefined : await spill(deps, partition, head, producer)
    if (verdict?.applied) return verdict.head
    if (clock.nowMs() >= giveUpAtMs) {
      throw new KafkaError(
        'KAFKA_STORAGE_ERROR',
        `too many producers at once partition=${partitionName(partition)}`,
      )
    }
    await clock.sleep(limits.spillPollMs)
    head = await requireHead(deps, partition)
    // Who made room had time to take it, so what is there now is for anybody.
    const isFull = Object.keys(head.producers).length >= limits.maxHeadProducers
    const isKnown = head.producers[producerKey(producerId)] !== undefined
    if (!isFull || isKnown || head.leaderEpoch !== known.leaderEpoch) return head
  }
}

/** A producer gets a document of its own, then leaves the head if nothing of it changed meanwhile. */
async function spill(deps: Deps, partition: Partition, head: Head, producer: string) {
  const spilled = {
    state: unpackProducerState(head.producers[producer] ?? 0),
    lastBaseOffset: head.producerOffsets[producer] ?? 0,
    leaderEpoch: head.leaderEpoch,
    spilledAtMs: deps.clock.nowMs(),
  }
  await storeIfNewer(deps, partition, producer, spilled)
  const verdict = await updateHead(deps, partition, spillProducer(head, producer))
  if (verdict.head === undefined) {
    // Who deleted the topic may have swept before the document was put.
    await deps.documents.delete(producerStateKey(pkOf(partition), producer), [])
    throw topicGone(partition)
  }
  return { applied: verdict.applied, head: verdict.head }
}

/** Where the last batches of all producers are still in the tail, nobody could leave until others append: it is paged. */
async function withoutTail(deps: Deps, partition: Partition, head: Head): Promise<Head> {
  return pageOfTail(head) === undefined ? head : pageTail(deps, partition, head)
}

/**
 * A spiller that slept must not overwrite what is known since: the document is put only if (producer epoch, leader epoch,
 * last offset) rises. After an unclean election the last offset may be below that of a batch which was truncated.
 */
async function storeIfNewer(deps: Deps, partition: Partition, producer: string, spilled: SpilledProducer) {
  await updateDocument(deps.documents, producerStateKey(pkOf(partition), producer), (item) => {
    if (item === undefined) return { item: encodeSpilledProducer(spilled), expected: 'absent' }
    const stored = decodeSpilledProducer(item)
    if (!isNewer(spilled, stored)) return undefined
    return { item: encodeSpilledProducer(spilled), expected: stored.version }
  })
}

function isNewer(spilled: SpilledProducer, stored: SpilledProducer): boolean {
  const epochs = spilled.state.producerEpoch - stored.state.producerEpoch
  if (epochs !== 0) return epochs > 0
  const leaders = spilled.leaderEpoch - stored.leaderEpoch
  return leaders > 0 || (leaders === 0 && spilled.lastBaseOffset > stored.lastBaseOffset)
}
