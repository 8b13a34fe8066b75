import { describe, expect, test } from 'vitest'
import { packReference } from '../../shared/core/batch-reference.ts'
import { pageOfTail } from '../../shared/core/index-page.ts'
import { encodePage } from '../../shared/store/items/page-item.ts'
import { pageKey, partitionPk } from '../../shared/store/keys.ts'
import { changeHead, isHeadRead, isHeadUpdate, isPagePut, runAfter, runBefore } from '../support/calls.ts'
import { batchOf, createTopic, fetchAll, fetchOne, produceOne, seen, TOPIC } from '../support/log-requests.ts'
import { brokenInvariants, storedHead } from '../support/partition-invariants.ts'
import { otherEnvironment, type TestDeps, TINY_LIMITS, testDeps } from '../support/test-deps.ts'

const append = (deps: TestDeps, value: string) => produceOne(deps, batchOf(1, { value }))
const pageNames = async (deps: TestDeps, topicId: string) => {
  const query = { from: 'PAGE#', to: 'PAGE#~', limit: 100, direction: 'ascending' } as const
  const entries = await deps.documents.store.list(partitionPk(topicId, 0), query)
  return entries.map(({ key }) => key.sk.split('#').slice(1).map(Number).join('/'))
}
const values = async (deps: TestDeps) => (await fetchAll(otherEnvironment(deps))).map(({ value }) => value)
const broken = async (deps: TestDeps, topicId: string) =>
  (await brokenInvariants(deps, topicId, undefined)).broken

async function tinyLog(configs: Readonly<Record<string, string>> = {}) {
  const deps = await testDeps({ limits: TINY_LIMITS })
  const topicId = await createTopic(deps, TOPIC, { configs })
  return { deps, topicId, others: otherEnvironment(deps) }
}

test('the append that makes the tail a page long writes the page and trims: one put and one update per page', async () => {
  const { deps, topicId } = await tinyLog()
  for (const value of ['a', 'b', 'c', 'd', 'e']) await append(deps, value)
  expect(await pageNames(deps, topicId)).toEqual(['0/0', '2/0'])
  expect(Object.values((await storedHead(deps, topicId)).tail)).toEqual([4])
  expect(deps.documents.faults.calls.filter(isPagePut)).toHaveLength(2)
  expect(deps.documents.faults.calls.filter(isHeadUpdate)).toHaveLength(5 + 2)
  expect(await values(deps)).toEqual(['a', 'b', 'c', 'd', 'e'])
})

describe('C6: two handlers page at once', () => {
  test('one that slept before its put takes out of the tail what the other’s page holds, and no more', async () => {
    const { deps, topicId, others } = await tinyLog()
    await append(deps, 'a')
    deps.documents.faults.once(
      isPagePut,
      runBefore(async () => {
        await append(others, 'c')
        await append(others, 'd') // a tail of four: another page of the same beginning
        await append(others, 'e')
      }),
    )
    await append(deps, 'b')
    expect(await pageNames(deps, topicId)).toEqual(['0/0'])
    expect(await values(deps)).toEqual(['a', 'b', 'c', 'd', 'e'])
    expect(await broken(deps, topicId)).toEqual([])
  })

  test('one that slept before its trim removes nothing that is not in its page', async () => {
    const { deps, topicId, others } = await tinyLog()
    await append(deps, 'a')
    deps.documents.faults.once(
      isPagePut,
      runAfter(async () => {
        for (const value of ['c', 'd', 'e', 'f']) await append(others, value)
      }),
    )
    await append(deps, 'b')
    expect(await values(deps)).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
    expect(await broken(deps, topicId)).toEqual([])
  })

  test('a page that is there, but shorter, is not overwritten: what it lacks stays in the tail', async () => {
    const { deps, topicId, others } = await tinyLog()
    await append(deps, 'a')
    deps.documents.faults.once(isHeadUpdate, { fault: 'answerLost' }) // nobody pages a and b
    await append(deps, 'b').catch(() => undefined)
    const short = pageOfTail(await storedHead(deps, topicId))
    await append(others, 'c')
    if (short === undefined) throw new Error('nothing to page')
    await deps.documents.store.put(
      pageKey(partitionPk(topicId, 0), short.start),
      encodePage(short.page),
      'absent',
    )
    await append(others, 'd')
    expect(await pageNames(deps, topicId)).toEqual(['0/0'])
    expect(Object.values((await storedHead(deps, topicId)).tail)).toEqual([2, 3])
    expect(await values(deps)).toEqual(['a', 'b', 'c', 'd'])
    expect(await broken(deps, topicId)).toEqual([])
  })
})

describe('C6: a page of an old epoch, written after an election that truncated inside it', () => {
  /** Elects another leader at offset 1: of the tail a, b only a is left. */
  async function election(deps: TestDeps, topicId: string): Promise<void> {
    const { tail } = await storedHead(deps, topicId)
    await changeHead(deps, topicId, {
      leaderEpoch: 1,
      partitionEpoch: 1,
      lineage: { 0: 0, 1: 1 },
      logEndOffset: 1,
      highWatermark: 1,
      tail: Object.fromEntries(Object.entries(tail).filter(([, baseOffset]) => baseOffset < 1)),
    })
  }

  test.each([
    { name: 'before the new leader pages', appendedBefore: ['x'] },
    { name: 'after the new leader paged', appendedBefore: ['x', 'y', 'z'] },
  ])('harms nobody, $name', async ({ appendedBefore }) => {
    const { deps, topicId, others } = await tinyLog()
    await append(deps, 'a')
    deps.documents.faults.once(
      isPagePut,
      runBefore(async () => {
        await election(deps, topicId)
        // The new leader’s own page has the same name, for its first entry is a: whose page it is, the put decides.
        if (appendedBefore.length === 1) deps.documents.faults.once(isPagePut, { fault: 'throttled' })
        for (const value of appendedBefore) await append(others, value)
      }),
    )
    await append(deps, 'b')
    for (const value of ['p', 'q', 'r', 's', 't']) await append(others, value)
    expect(await values(deps)).toEqual(['a', ...appendedBefore, 'p', 'q', 'r', 's', 't'])
    expect(await broken(deps, topicId)).toEqual([])
  })

  test('its entry is no entry: a reader goes by the lineage and finds the offset in an older or newer page', async () => {
    const { deps, topicId, others } = await tinyLog()
    await append(deps, 'a')
    await append(deps, 'b') // page 0/0 of a and b
    await election(deps, topicId)
    for (const value of ['x', 'y', 'z']) await append(others, value)
    expect(await pageNames(deps, topicId)).toEqual(['0/0', '1/1'])
    expect(await values(deps)).toEqual(['a', 'x', 'y', 'z'])
    expect(seen((await fetchOne(others, 1)).batches)[0]).toMatchObject({ value: 'x', leaderEpoch: 1 })
  })

  test('a reader walks down past a page without a valid entry', async () => {
    const { deps, topicId, others } = await tinyLog()
    await append(deps, 'a')
    await append(deps, 'b') // page 0/0
    await produceOne(others, batchOf(5, { value: 'wide' })) // 2 to 6
    await append(others, 'd') // page 2/0
    const stale = packReference({
      objectId: new Uint8Array(16),
      position: 0,
      length: 9,
      recordCount: 1,
      leaderEpoch: 7,
      maxTimestamp: 0,
      sequence: undefined,
    })
    const key = pageKey(partitionPk(topicId, 0), { baseOffset: 4, leaderEpoch: 7 })
    await deps.documents.store.put(key, encodePage({ entries: { [stale]: 4 }, endOffset: 5 }), 'absent')
    expect(seen((await fetchOne(others, 5)).batches)[0]).toMatchObject({ value: 'wide', baseOffset: 2 })
  })
})

describe('H12: the tail has a bound', () => {
  test('an append to a full tail pages it first', async () => {
    const { deps, topicId } = await tinyLog()
    deps.documents.faults.always((call) => (isPagePut(call) ? { fault: 'throttled' } : undefined))
    for (const value of ['a', 'b', 'c', 'd']) await append(deps, value)
    expect(deps.logged.map(({ message }) => message)).toEqual(['tail was not paged', 'tail was not paged'])
    expect(await append(deps, 'e')).toMatchObject({ errorName: 'KAFKA_STORAGE_ERROR', effect: 'none' })
    expect(Object.keys((await storedHead(deps, topicId)).tail)).toHaveLength(4)

    deps.documents.faults.always(undefined)
    expect(await append(deps, 'f')).toMatchObject({ errorName: undefined, baseOffset: 4 })
    expect(await pageNames(deps, topicId)).toEqual(['0/0'])
    expect(await values(deps)).toEqual(['a', 'b', 'c', 'd', 'f'])
  })

  test('nothing at or above the high watermark is paged: so many batches wait there, then none is taken', async () => {
    const { deps, topicId } = await tinyLog({ 'min.insync.replicas': '3' })
    const { leader, replicas } = await storedHead(deps, topicId)
    const follower = replicas.find((replica) => replica !== leader) ?? ''
    await changeHead(deps, topicId, { holeStart: { [follower]: 0 } })
    for (let count = 0; count < 4; count += 1) {
      expect(await produceOne(deps, batchOf(1), { acks: 1 })).toMatchObject({ baseOffset: count })
    }
    expect(await produceOne(deps, batchOf(1), { acks: 1 })).toMatchObject({
      errorName: 'NOT_ENOUGH_REPLICAS',
      effect: 'none',
    })
    expect(await pageNames(deps, topicId)).toEqual([])
  })
})

describe('a reader whose page or entry is not where its head says', () => {
  test('reads the head again and goes on by that one', async () => {
    const { deps, topicId, others } = await tinyLog()
    for (const value of ['a', 'b', 'c']) await append(deps, value)
    const { tail, logEndOffset } = await storedHead(deps, topicId)
    const page = { sk: 'PAGE#00000000000000000000#0000000000', pk: partitionPk(topicId, 0) }
    const stored = await deps.documents.store.get(page, 'strong')
    // What will happen once pages go: the head says where the offset is now, but was read before.
    others.documents.faults.once(
      isHeadRead,
      runAfter(async () => {
        await deps.documents.store.delete(page, [])
        const entries = (stored as { t: Record<string, number> }).t
        await changeHead(deps, topicId, { tail: { ...tail, ...entries }, logEndOffset })
      }),
    )
    const row = await fetchOne(others, 0)
    expect(seen(row.batches).map(({ value }) => value)).toEqual(['a', 'b', 'c'])
    expect(deps.logged).toEqual([])
  })

  test('and raises the alarm when that one says the same: a missing entry is never skipped', async () => {
    const { deps, topicId, others } = await tinyLog()
    for (const value of ['a', 'b', 'c']) await append(deps, value)
    await deps.documents.store.delete(
      { sk: 'PAGE#00000000000000000000#0000000000', pk: partitionPk(topicId, 0) },
      [],
    )
    expect(await fetchOne(others, 0)).toMatchObject({
      errorName: 'KAFKA_STORAGE_ERROR',
      nextOffset: 0,
      batches: [],
    })
    expect(deps.logged).toMatchObject([
      { level: 'error', message: 'log is damaged or its nodes are unreachable' },
    ])
    expect(seen((await fetchOne(others, 2)).batches)).toHaveLength(1)
  })

  test('gives up after some heads that moved each time', async () => {
    const { deps, topicId, others } = await tinyLog()
    for (const value of ['a', 'b', 'c']) await append(deps, value)
    await deps.documents.store.delete(
      { sk: 'PAGE#00000000000000000000#0000000000', pk: partitionPk(topicId, 0) },
      [],
    )
    let epoch = 0
    const move = async () => {
      epoch += 1
      await changeHead(deps, topicId, { partitionEpoch: epoch })
    }
    others.documents.faults.always((call) => (isHeadRead(call) ? runBefore(move) : undefined))
    expect(await fetchOne(others, 0)).toMatchObject({ errorName: 'KAFKA_STORAGE_ERROR' })
    expect(epoch).toBe(1 + 4)
  })
})
