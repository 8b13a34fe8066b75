import { describe, expect, test } from 'vitest'
import { packReference } from '../../shared/core/batch-reference.ts'
import type { Limits } from '../../shared/protocol/limits.ts'
import { encodePage } from '../../shared/store/items/page-item.ts'
import { pageKey, partitionPk } from '../../shared/store/keys.ts'
import { changeHead } from '../support/calls.ts'
import type { DocumentCall } from '../support/faulty-store.ts'
import { referenceWith } from '../support/heads.ts'
import { batchOf, createTopic, errorOf, fetchOne, produceOne, seen } from '../support/log-requests.ts'
import { type TestDeps, TINY_LIMITS, testDeps } from '../support/test-deps.ts'

const STALE_PAGES = 40
const isList = ({ method }: DocumentCall): boolean => method === 'list'
const producer = (baseSequence: number) => ({ producerId: 7, producerEpoch: 0, baseSequence })

/**
 * Epoch 0 wrote one record after the other, 40 pages of them; an election at 0 truncated them all. Epoch 1 wrote 50
 * records at once, and then three more: pages 0/1 and 51/1, and a tail.
 */
async function truncatedLog(limits: Partial<Limits> = {}): Promise<{ deps: TestDeps; topicId: string }> {
  const deps = await testDeps({ limits: { ...TINY_LIMITS, ...limits } })
  const topicId = await createTopic(deps)
  await changeHead(deps, topicId, { leaderEpoch: 1, partitionEpoch: 1, lineage: { 1: 0 } })
  await produceOne(deps, batchOf(50, { value: 'wide', producer: producer(0) }))
  for (const sequence of [50, 51, 52, 53]) {
    await produceOne(deps, batchOf(1, { value: `at ${sequence}`, producer: producer(sequence) }))
  }
  for (let baseOffset = 1; baseOffset <= STALE_PAGES; baseOffset += 1) {
    const entry = packReference(referenceWith({ leaderEpoch: 0, recordCount: 1 }, baseOffset))
    const page = encodePage({ entries: { [entry]: baseOffset }, endOffset: baseOffset + 1 })
    const key = pageKey(partitionPk(topicId, 0), { baseOffset, leaderEpoch: 0 })
    await deps.documents.store.put(key, page, 'absent')
  }
  deps.documents.faults.calls.length = 0
  return { deps, topicId }
}

const lists = (deps: TestDeps): number => deps.documents.faults.calls.filter(isList).length

describe('pages that an unclean election left above the page of an offset', () => {
  test('are walked down past in rounds, however many they are', async () => {
    const { deps } = await truncatedLog()
    const row = await fetchOne(deps, 49, { partitionMaxBytes: 1 })
    expect(seen(row.batches)).toMatchObject([{ baseOffset: 0, value: 'wide', leaderEpoch: 1 }])
    expect(lists(deps)).toBe(1 + 3) // the nearest page, then 16, 16 and the rest
  })

  test.each([
    { maxPageWalkRounds: 20, error: undefined },
    { maxPageWalkRounds: 19, error: 'KAFKA_STORAGE_ERROR' },
  ])('up to a bound: $maxPageWalkRounds rounds of 2', async ({ maxPageWalkRounds, error }) => {
    const { deps } = await truncatedLog({ maxPageWalk: 2, maxPageWalkRounds })
    expect(errorOf(await fetchOne(deps, 49, { partitionMaxBytes: 1 }))).toBe(error)
  })

  test('let other requests have their turn', async () => {
    const { deps } = await truncatedLog()
    const before = deps.clock.breaks()
    await fetchOne(deps, 49, { partitionMaxBytes: 1 })
    expect(deps.clock.breaks() - before).toBeGreaterThanOrEqual(3)
  })

  test('are not searched when an entry is missing: below a page whose valid entries end earlier there is none', async () => {
    const { deps, topicId } = await truncatedLog()
    await changeHead(deps, topicId, { tail: {} }) // 53 is nowhere
    expect(errorOf(await fetchOne(deps, 53))).toBe('KAFKA_STORAGE_ERROR')
    expect(lists(deps)).toBe(1)
  })

  test('do not hide an older duplicate', async () => {
    const { deps } = await truncatedLog({ maxDuplicatePages: 2 })
    const again = await produceOne(deps, batchOf(50, { value: 'wide', producer: producer(0) }))
    expect(again).toMatchObject({ errorName: undefined, baseOffset: 0 })
  })
})
