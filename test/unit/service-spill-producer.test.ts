import { expect, test } from 'vitest'
import { producerKey } from '../../shared/core/producer-state.ts'
import { decodeSpilledProducer, encodeSpilledProducer } from '../../shared/store/items/producer-item.ts'
import { partitionPk, producerStateKey } from '../../shared/store/keys.ts'
import { changeHead, isHeadUpdate, isProducerPut, runBefore } from '../support/calls.ts'
import { type FaultyDocumentStore, faultyDocumentStore } from '../support/faulty-store.ts'
import { batchOf, createTopic, produceOne, sequenced } from '../support/log-requests.ts'
import { brokenInvariants, storedHead } from '../support/partition-invariants.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { otherEnvironment, type TestDeps, testDeps } from '../support/test-deps.ts'

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
  { name: 'one partition', before: 0, cap: 8 },
  { name: 'one whose head is full of others', before: 8, cap: 8 },
  { name: 'one partition', before: 0, cap: 32 },
  { name: 'one whose head is full of others', before: 32, cap: 32 },
])('64 producers that come to $name at once all find room in a head of $cap', async ({ before, cap }) => {
  const deps = await testDeps({ limits: { maxHeadProducers: cap } })
  const topicId = await createTopic(deps)
  for (let producer = 0; producer < before; producer += 1) await produceOne(deps, sequenced(0, producer))
  const rows = await Promise.all(
    Array.from({ length: 64 }, (_, i) => produceOne(otherEnvironment(deps), sequenced(0, 1000 + i))),
  )
  expect(rows.filter(({ errorName }) => errorName !== undefined)).toEqual([])
  expect((await brokenInvariants(deps, topicId, undefined)).broken).toEqual([])
})

/** Every document call takes 3 to 8 ms, so that those of many at once overlap; answers how many writes each was refused. */
async function producedAtOnce(deps: TestDeps, count: number) {
  const { integer } = seededRandom(7)
  const slow = faultyDocumentStore(deps.documents)
  slow.faults.always(() => ({ fault: 'before', run: () => deps.clock.sleep(integer(3, 8)) }))
  const produced = Array.from({ length: count }, async (_, i) => {
    let refused = 0
    const counting = async <V extends { readonly applied: boolean }>(write: Promise<V>) => {
      const verdict = await write
      if (!verdict.applied) refused += 1
      return verdict
    }
    const documents: FaultyDocumentStore = {
      ...slow,
      put: (...args) => counting(slow.put(...args)),
      update: (...args) => counting(slow.update(...args)),
    }
    const { errorName } = await produceOne({ ...otherEnvironment(deps), documents }, sequenced(0, 1000 + i))
    return { errorName, refused }
  })
  return Promise.all(produced)
}

test.each([
  { count: 40, refusedEach: 0.5, acknowledged: 40 },
  { count: 100, refusedEach: 2.5, acknowledged: 80 },
])('$count producers at once spend few writes on room in a head of 32', async (expected) => {
  const deps = await testDeps()
  await createTopic(deps)
  const rows = await producedAtOnce(deps, expected.count)
  const { maxAppendTries, maxSpillTries } = deps.limits
  const acknowledged = rows.filter(({ errorName }) => errorName === undefined).length
  const refused = rows.reduce((sum, row) => sum + row.refused, 0)
  expect(Math.max(...rows.map((row) => row.refused))).toBeLessThanOrEqual(maxAppendTries + maxSpillTries)
  expect(acknowledged).toBeGreaterThanOrEqual(expected.acknowledged)
  expect(refused / acknowledged).toBeLessThan(expected.refusedEach)
})

test('a producer that cannot leave for what others do is tried to be moved out three times, then only waited for', async () => {
  const deps = await testDeps({ limits: { maxHeadProducers: 1, pageEntries: 1 } })
  const topicId = await createTopic(deps)
  await produceOne(deps, sequenced(0, 7))
  await produceOne(deps, batchOf(1))
  let writes = 0
  deps.documents.faults.always((call) => {
    if (!isHeadUpdate(call)) return undefined
    writes += 1
    // Somebody else appends for that producer, or so, before each write.
    return runBefore(() => changeHead(deps, topicId, { producers: { [producerKey(7)]: 100 + writes } }))
  })
  const before = deps.clock.nowMs()
  expect(await produceOne(deps, sequenced(0, 8))).toMatchObject({
    errorName: 'KAFKA_STORAGE_ERROR',
    effect: 'none',
  })
  expect(writes).toBe(1 + deps.limits.maxSpillTries)
  expect(deps.clock.nowMs() - before).toBe(deps.limits.spillWaitMs)
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
