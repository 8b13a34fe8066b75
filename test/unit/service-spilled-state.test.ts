import { describe, expect, test } from 'vitest'
import type { Head } from '../../shared/core/head.ts'
import { producerKey } from '../../shared/core/producer-state.ts'
import type { Limits } from '../../shared/protocol/limits.ts'
import { makeRoomForProducer, readSpilledProducer } from '../../shared/service/spill-producer.ts'
import { spilledState } from '../../shared/service/spilled-state.ts'
import type { Topic } from '../../shared/service/topics.ts'
import { changeHead } from '../support/calls.ts'
import { batchOf, createTopic, produceOne, sequenced, TOPIC } from '../support/log-requests.ts'
import { storedHead } from '../support/partition-invariants.ts'
import { type TestDeps, testDeps } from '../support/test-deps.ts'

const UNSEQUENCED = batchOf(1)
const THREE = [sequenced(0), sequenced(1), sequenced(2)]

/**
 * A record at 0, then `written`, a record each, the last of them by producer 7, which left the head; then an unclean
 * election took all from `endOffset` on.
 */
async function truncatedLog(
  endOffset: number,
  written: readonly Uint8Array[] = THREE,
  limits: Partial<Limits> = {},
): Promise<{ deps: TestDeps; topicId: string }> {
  const deps = await testDeps({ limits: { maxHeadProducers: 1, pageEntries: 1, ...limits } })
  const topicId = await createTopic(deps)
  for (const batch of [UNSEQUENCED, ...written]) await produceOne(deps, batch)
  await produceOne(deps, sequenced(0, 8))
  expect(Object.keys((await storedHead(deps, topicId)).producers)).toEqual([producerKey(8)])
  await elected(deps, topicId, 1, endOffset)
  return { deps, topicId }
}

/** The log ends at `endOffset` with leader epoch `leaderEpoch`; no producer is in the head. */
async function elected(deps: TestDeps, topicId: string, leaderEpoch: number, endOffset: number) {
  const head: Partial<Head> = {
    leaderEpoch,
    partitionEpoch: leaderEpoch,
    lineage: { ...(endOffset > 0 ? { 0: 0 } : {}), [leaderEpoch]: endOffset },
    logEndOffset: endOffset,
    highWatermark: endOffset,
    maxEvictedOffset: endOffset - 1,
    tail: {},
    producers: {},
    producerOffsets: {},
  }
  await changeHead(deps, topicId, head)
}

const appendedAt = (baseOffset: number) => ({ errorName: undefined, baseOffset })
const refused = (errorName: string) => ({ errorName, effect: 'none' })

describe('C8: an unclean election took the last batch of a producer that had left the head', () => {
  test('its retry is taken again', async () => {
    const { deps } = await truncatedLog(3)
    expect(await produceOne(deps, sequenced(2))).toMatchObject(appendedAt(3))
  })

  test('its next batch is refused: the one before is gone', async () => {
    const { deps } = await truncatedLog(3)
    expect(await produceOne(deps, sequenced(3))).toMatchObject(refused('OUT_OF_ORDER_SEQUENCE_NUMBER'))
  })

  test('a batch before that is still there is a duplicate', async () => {
    const { deps } = await truncatedLog(3)
    expect(await produceOne(deps, sequenced(1))).toMatchObject(appendedAt(2))
  })

  test('one of whom nothing is left begins anew', async () => {
    const { deps } = await truncatedLog(1)
    expect(await produceOne(deps, sequenced(1))).toMatchObject(refused('OUT_OF_ORDER_SEQUENCE_NUMBER'))
    expect(await produceOne(deps, sequenced(0))).toMatchObject(appendedAt(1))
  })

  test('in a log of which nothing is left it begins anew', async () => {
    const { deps } = await truncatedLog(0)
    expect(await produceOne(deps, sequenced(0))).toMatchObject(appendedAt(0))
  })

  test('nothing of it was removed: it goes on', async () => {
    const { deps } = await truncatedLog(4)
    expect(await produceOne(deps, sequenced(2))).toMatchObject(appendedAt(3))
    expect(await produceOne(deps, sequenced(3))).toMatchObject(appendedAt(4))
  })

  test('a head from before it left says nothing of what it wrote since', async () => {
    const { deps, topicId } = await truncatedLog(4)
    const partition = { topic: { name: TOPIC, topicId } as Topic, partitionIndex: 0 }
    const spilled = {
      state: { producerEpoch: 0, nextSequence: 3 },
      leaderEpoch: 1,
      lastBaseOffset: 9,
      spilledAtMs: 0,
    }
    const head = await storedHead(deps, topicId)
    const of = { producer: producerKey(7), spilled }
    expect(await spilledState(deps, partition, head, of)).toEqual(spilled.state)
  })

  test('its document was put while there was no leader: its next batch is refused all the same', async () => {
    const deps = await testDeps({ limits: { maxHeadProducers: 1, pageEntries: 1 } })
    const topicId = await createTopic(deps)
    for (const batch of [UNSEQUENCED, ...THREE]) await produceOne(deps, batch)
    await changeHead(deps, topicId, { leader: undefined, leaderEpoch: 1 })
    const partition = { topic: { name: TOPIC, topicId } as Topic, partitionIndex: 0 }
    const fenced = await storedHead(deps, topicId)
    const terms = { producerId: 8, timeoutMs: 0, budget: { triesLeft: 3 } }
    await expect(makeRoomForProducer(deps, partition, fenced, terms)).rejects.toMatchObject({
      errorName: 'KAFKA_STORAGE_ERROR',
    })
    expect(await readSpilledProducer(deps, partition, producerKey(7))).toMatchObject({ lastBaseOffset: 3 })
    await elected(deps, topicId, 1, 0)
    await changeHead(deps, topicId, { leader: fenced.replicas[0] })
    expect(await produceOne(deps, sequenced(3))).toMatchObject(refused('OUT_OF_ORDER_SEQUENCE_NUMBER'))
    expect(await produceOne(deps, sequenced(0))).toMatchObject(appendedAt(0))
  })

  test('of a newer epoch everything was removed: the older one stays fenced', async () => {
    const { deps } = await truncatedLog(3, [sequenced(0), sequenced(1), sequenced(0, 7, 1)])
    expect(await produceOne(deps, sequenced(2))).toMatchObject(refused('INVALID_PRODUCER_EPOCH'))
    expect(await produceOne(deps, sequenced(0, 7, 1))).toMatchObject(appendedAt(3))
  })

  test('so did another one: it goes on after what both have left', async () => {
    const { deps, topicId } = await truncatedLog(3)
    await produceOne(deps, UNSEQUENCED)
    await elected(deps, topicId, 2, 2)
    expect(await produceOne(deps, sequenced(2))).toMatchObject(refused('OUT_OF_ORDER_SEQUENCE_NUMBER'))
    expect(await produceOne(deps, sequenced(1))).toMatchObject(appendedAt(2))
  })

  test.each([
    { pages: 3, answer: appendedAt(4) },
    { pages: 2, answer: refused('INVALID_PRODUCER_EPOCH') },
  ])(
    'what is left lies 3 pages down, $pages are looked at: it goes on, or its epoch is over',
    async ({ pages, answer }) => {
      const written = [sequenced(0), UNSEQUENCED, UNSEQUENCED, sequenced(1)]
      const { deps } = await truncatedLog(4, written, { maxPageWalk: 1, maxPageWalkRounds: pages - 1 })
      expect(await produceOne(deps, sequenced(1))).toMatchObject(answer)
      expect(await produceOne(deps, sequenced(0, 7, 1))).toMatchObject({ errorName: undefined })
    },
  )
})
