import { expect, test } from 'vitest'
import { producerKey } from '../../shared/core/producer-state.ts'
import { decodeSpilledProducer, encodeSpilledProducer } from '../../shared/store/items/producer-item.ts'
import { partitionPk, producerStateKey } from '../../shared/store/keys.ts'
import { changeHead } from '../support/calls.ts'
import { batchOf, createTopic, produceOne, sequenced } from '../support/log-requests.ts'
import { testDeps } from '../support/test-deps.ts'

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
