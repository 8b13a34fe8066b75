import { expect, test } from 'vitest'
import { producerKey } from '../../shared/core/producer-state.ts'
import { decodeSpilledProducer, encodeSpilledProducer } from '../../shared/store/items/producer-item.ts'
import { partitionPk, producerStateKey } from '../../shared/store/keys.ts'
import { changeHead, isProducerPut } from '../support/calls.ts'
import { batchOf, createTopic, produceOne, sequenced } from '../support/log-requests.ts'
import { brokenInvariants, storedHead } from '../support/partition-invariants.ts'
import { otherEnvironment, testDeps } from '../support/test-deps.ts'

test.each([
  {
    name: 'a truncation gave lower offsets out again: what is spilled since is newer',
    leaderEpoch: 0,
    stored: 1,
  },
  {
    name: 'a spiller that slept has lower offsets of the same leader: what is known since stays',
    leaderEpoch: 1,
    stored: 28,
  },
])('C5: $name', async ({ leaderEpoch, stored }) => {
  const deps = await testDeps({ limits: { maxHeadProducers: 1, pageEntries: 1 } })
  const topicId = await createTopic(deps)
  await produceOne(deps, batchOf(1))
  await produceOne(deps, sequenced(0, 7))
  const key = producerStateKey(partitionPk(topicId, 0), producerKey(7))
  const before = {
    state: { producerEpoch: 0, nextSequence: 4 },
    lastBaseOffset: 28,
    leaderEpoch,
    spilledAtMs: 1,
  }
  await deps.documents.store.put(key, encodeSpilledProducer(before), 'absent')
  // An election put an end to the epoch in which that was spilled.
  await changeHead(deps, topicId, { leaderEpoch: 1, lineage: { 0: 0, 1: 2 } })
  await produceOne(deps, sequenced(0, 8))
  const item = await deps.documents.store.get(key, 'strong')
  expect(item && decodeSpilledProducer(item).lastBaseOffset).toBe(stored)
})

test.each([
  { name: 'one partition', before: 0 },
  { name: 'one whose head is full of others', before: 8 },
])('64 producers that come to $name at once all find room in a head of 8', async ({ before }) => {
  const deps = await testDeps({ limits: { maxHeadProducers: 8 } })
  const topicId = await createTopic(deps)
  for (let producer = 0; producer < before; producer += 1) await produceOne(deps, sequenced(0, producer))
  const rows = await Promise.all(
    Array.from({ length: 64 }, (_, i) => produceOne(otherEnvironment(deps), sequenced(0, 1000 + i))),
  )
  expect(rows.filter(({ errorName }) => errorName !== undefined)).toEqual([])
  expect((await brokenInvariants(deps, topicId, undefined)).broken).toEqual([])
})

test('what cannot leave the head keeps a producer waiting only so long', async () => {
  const deps = await testDeps({ limits: { maxHeadProducers: 1 } })
  const topicId = await createTopic(deps)
  await produceOne(deps, sequenced(0, 7))
  await changeHead(deps, topicId, { highWatermark: 0, tail: {} })
  const before = deps.clock.nowMs()
  const row = await produceOne(deps, sequenced(0, 8), { acks: 1 })
  expect(row).toMatchObject({ errorName: 'KAFKA_STORAGE_ERROR', effect: 'none' })
  expect(deps.clock.nowMs() - before).toBe(deps.limits.spillWaitMs)
})

test('a producer that waits for room is told of an election', async () => {
  const deps = await testDeps({ limits: { maxHeadProducers: 1 } })
  const topicId = await createTopic(deps)
  await produceOne(deps, sequenced(0, 7))
  await changeHead(deps, topicId, { highWatermark: 0, tail: {} })
  deps.clock.duringNextSleep(() => changeHead(deps, topicId, { leader: undefined, leaderEpoch: 1 }))
  const row = await produceOne(deps, sequenced(0, 8), { acks: 1 })
  expect(row).toMatchObject({ errorName: 'LEADER_NOT_AVAILABLE', effect: 'none' })
})

test('nobody makes room after the last try', async () => {
  const deps = await testDeps({ limits: { maxHeadProducers: 1, pageEntries: 1, maxAppendTries: 1 } })
  const topicId = await createTopic(deps)
  await produceOne(deps, sequenced(0, 7))
  expect(await produceOne(deps, sequenced(0, 8))).toMatchObject({
    errorName: 'KAFKA_STORAGE_ERROR',
    effect: 'none',
  })
  expect(Object.keys((await storedHead(deps, topicId)).producers)).toEqual([producerKey(7)])
  expect(deps.documents.faults.calls.filter(isProducerPut)).toEqual([])
})
