import { beforeEach, describe, expect, test } from 'vitest'
import {
  absent,
  copy,
  copyPlus,
  equal,
  fewer,
  less,
  present,
  remove,
  set,
} from '../../shared/core/update-plan.ts'
import type { DocumentStore, Key } from '../../shared/store/document-store.ts'

/**
 * What every DocumentStore promises. `makeStore` opens one for each test; it may keep the documents of others, as every
 * test has partition keys of its own.
 */
export function documentStoreContract(name: string, makeStore: () => Promise<DocumentStore>): void {
  describe(name, () => {
    let store: DocumentStore
    let pk: string
    const key = (sk = 'HEAD'): Key => ({ pk, sk })
    const stored = (sk?: string) => store.get(key(sk), 'strong')

    beforeEach(async () => {
      store = await makeStore()
      pk = `CONTRACT#${crypto.randomUUID()}`
    })

    describe('get and put', () => {
      test('there is no document before the first put', async () => {
        expect(await stored()).toBeUndefined()
        expect(await store.get(key(), 'eventual')).toBeUndefined()
      })

      test('a new document has version 1, whatever ver it was given', async () => {
        const verdict = await store.put(key(), { a: [1, { b: true }], 'x.y': 'é', ver: 7 }, 'absent')
        const item = { a: [1, { b: true }], 'x.y': 'é', ver: 1 }
        expect(verdict).toEqual({ applied: true, item })
        expect(await stored()).toEqual(item)
      })

      test('a put replaces the whole document of the expected version', async () => {
        await store.put(key(), { a: 1, b: 1 }, 'absent')
        expect(await store.put(key(), { a: 2 }, 1)).toEqual({ applied: true, item: { a: 2, ver: 2 } })
        expect(await stored()).toEqual({ a: 2, ver: 2 })
      })

      test('a put of another version is refused with the document', async () => {
        await store.put(key(), { a: 1 }, 'absent')
        const refused = { applied: false, item: { a: 1, ver: 1 } }
        expect(await store.put(key(), { a: 2 }, 'absent')).toEqual(refused)
        expect(await store.put(key(), { a: 2 }, 2)).toEqual(refused)
        expect(await stored()).toEqual({ a: 1, ver: 1 })
      })

      test('a put of a version is refused without a document where there is none', async () => {
        const verdict = await store.put(key(), { a: 2 }, 1)
        expect(verdict.applied).toBe(false)
        expect(verdict.item).toBeUndefined()
        expect(await stored()).toBeUndefined()
      })

      test('keys that share pk or sk are different documents', async () => {
        await store.put(key('A'), { at: 'A' }, 'absent')
        await store.put(key('A#B'), { at: 'A#B' }, 'absent')
        await store.put({ pk: `${pk}#A`, sk: 'B' }, { at: 'B' }, 'absent')
        expect(await stored('A')).toEqual({ at: 'A', ver: 1 })
        expect(await stored('B')).toBeUndefined()
      })
    })

    describe('update', () => {
      test('an absent document counts as empty, and ver is left alone', async () => {
        const verdict = await store.update(key(), { checks: [absent(['a'])], changes: [set(['a'], 1)] })
        expect(verdict).toEqual({ applied: true, item: { a: 1 } })
        expect(await stored()).toEqual({ a: 1 })
      })

      test('the answer is the document after the plan, whose reads saw it before', async () => {
        await store.put(key(), { end: 5, tail: { old: 1 } }, 'absent')
        const verdict = await store.update(key(), {
          checks: [equal(['end'], 5), fewer(['tail'], 2)],
          changes: [copy(['tail', '1.2'], ['end']), copyPlus(['end'], ['end'], 10)],
        })
        const item = { end: 15, tail: { old: 1, '1.2': 5 }, ver: 1 }
        expect(verdict).toEqual({ applied: true, item })
        expect(await stored()).toEqual(item)
      })

      test('a failing check refuses with the document and writes nothing', async () => {
        await store.put(key(), { a: 1 }, 'absent')
        const plan = { checks: [less(['a'], 1)], changes: [set(['a'], 2)] }
        expect(await store.update(key(), plan)).toEqual({ applied: false, item: { a: 1, ver: 1 } })
        expect(await stored()).toEqual({ a: 1, ver: 1 })
      })

      test('an absent document refuses without one', async () => {
        const verdict = await store.update(key(), { checks: [present(['a'])], changes: [set(['a'], 2)] })
        expect(verdict.applied).toBe(false)
        expect(verdict.item).toBeUndefined()
        expect(await stored()).toBeUndefined()
      })

      test('a malformed plan writes nothing', async () => {
        await store.put(key(), { a: 1 }, 'absent')
        const changes = [set(['a'], 2), set(['b', 'x'], 1)]
        const malformed = { errorName: 'UNKNOWN_SERVER_ERROR' }
        await expect(store.update(key(), { checks: [], changes })).rejects.toMatchObject(malformed)
        const twice = { checks: [], changes: [set(['a'], 2), set(['a'], 3)] }
        await expect(store.update(key(), twice)).rejects.toMatchObject(malformed)
        expect(await stored()).toEqual({ a: 1, ver: 1 })
      })

      test('a failing check wins over a bad change', async () => {
        await store.put(key(), { a: 1 }, 'absent')
        const verdict = await store.update(key(), { checks: [absent(['a'])], changes: [set(['b', 'x'], 1)] })
        expect(verdict.applied).toBe(false)
      })

      test('a document above 400 KiB writes nothing', async () => {
        await store.put(key(), { a: 1 }, 'absent')
        const plan = { checks: [], changes: [set(['a'], 'x'.repeat(400 * 1024 + 1))] }
        await expect(store.update(key(), plan)).rejects.toMatchObject({ errorName: 'UNKNOWN_SERVER_ERROR' })
        expect(await stored()).toEqual({ a: 1, ver: 1 })
      })
    })

    describe('delete', () => {
      test('the document goes if every check holds, and is handed back', async () => {
        await store.put(key(), { a: 1 }, 'absent')
        const checks = [equal(['ver'], 1), equal(['a'], 1)]
        expect(await store.delete(key(), checks)).toEqual({ applied: true, item: { a: 1, ver: 1 } })
        expect(await stored()).toBeUndefined()
      })

      test('a failing check refuses with the document', async () => {
        await store.put(key(), { a: 1 }, 'absent')
        const verdict = await store.delete(key(), [equal(['a'], 1), absent(['ver'])])
        expect(verdict).toEqual({ applied: false, item: { a: 1, ver: 1 } })
        expect(await stored()).toEqual({ a: 1, ver: 1 })
      })

      test('an absent document passes absent and nothing else', async () => {
        const refused = await store.delete(key(), [present(['a'])])
        expect(refused.applied).toBe(false)
        expect(refused.item).toBeUndefined()
        expect(await store.delete(key(), [absent(['a'])])).toEqual({ applied: true, item: {} })
        expect(await store.delete(key(), [])).toEqual({ applied: true, item: {} })
      })
    })

    describe('list', () => {
      const all = { from: '!', to: '\u{10FFFF}', limit: 100, direction: 'ascending' } as const
      const names = async (query: Parameters<DocumentStore['list']>[1]) =>
        (await store.list(pk, query)).map((entry) => entry.key.sk)

      beforeEach(async () => {
        const keys = ['PAGE#2', '\u{1F600}', 'PAGE', 'PAGE#10', 'é', '\uFFFD', 'page']
        await Promise.all(keys.map((sk) => store.put(key(sk), { is: sk }, 'absent')))
      })

      test('documents come in the order of their bytes, with their keys', async () => {
        const ordered = ['PAGE', 'PAGE#10', 'PAGE#2', 'page', 'é', '\uFFFD', '\u{1F600}']
        const expected = ordered.map((sk) => ({ key: key(sk), item: { is: sk, ver: 1 } }))
        expect(await store.list(pk, all)).toEqual(expected)
        expect(await names({ ...all, direction: 'descending' })).toEqual(ordered.toReversed())
      })

      test('both bounds are inclusive', async () => {
        expect(await names({ ...all, from: 'PAGE#10', to: 'PAGE#2' })).toEqual(['PAGE#10', 'PAGE#2'])
        expect(await names({ ...all, from: 'PAGE#', to: 'PAGE#~' })).toEqual(['PAGE#10', 'PAGE#2'])
        expect(await names({ ...all, from: 'PAGE', to: 'PAGE' })).toEqual(['PAGE'])
      })

      test('the limit counts from where the direction begins', async () => {
        expect(await names({ ...all, limit: 2 })).toEqual(['PAGE', 'PAGE#10'])
        expect(await names({ ...all, limit: 2, direction: 'descending' })).toEqual(['\u{1F600}', '\uFFFD'])
      })

      test('an empty range and one that ends before it begins list nothing', async () => {
        expect(await names({ ...all, from: 'a', to: 'b' })).toEqual([])
        expect(await names({ ...all, from: 'b', to: 'a' })).toEqual([])
      })

      test('other partition keys are not listed', async () => {
        await store.put({ pk: `${pk}#1`, sk: 'PAGE#1' }, {}, 'absent')
        expect(await names(all)).toHaveLength(7)
      })
    })

    describe('due', () => {
      const FAR_MS = Number.MAX_SAFE_INTEGER
      let shard: number
      const put = (sk: string, dueAtMs: number, dueShard = shard) =>
        store.put(key(sk), { dueShard, dueAtMs }, 'absent')
      const due = (untilMs = FAR_MS, limit = 100) => store.due(shard, { untilMs, limit })
      const dueKeys = async () => (await due()).map((found) => found.key.sk)

      beforeEach(() => {
        shard = Math.trunc(Math.random() * 2 ** 40)
      })

      test('documents come by shard, the longest due first, with their keys', async () => {
        await put('C', 30)
        await put('A', 1_790_000_000_000)
        await put('B', 9)
        await put('other', 1, shard + 1)
        expect(await due()).toEqual([
          { key: key('B'), dueAtMs: 9 },
          { key: key('C'), dueAtMs: 30 },
          { key: key('A'), dueAtMs: 1_790_000_000_000 },
        ])
        expect(await store.due(shard + 1, { untilMs: FAR_MS, limit: 1 })).toEqual([
          { key: key('other'), dueAtMs: 1 },
        ])
        expect(await store.due(shard + 2, { untilMs: FAR_MS, limit: 1 })).toEqual([])
      })

      test('a document is due from its time on', async () => {
        await put('A', 10)
        await put('B', 20)
        expect(await due(9)).toEqual([])
        expect(await due(10)).toEqual([{ key: key('A'), dueAtMs: 10 }])
        expect(await due(19)).toHaveLength(1)
        expect(await due(20)).toHaveLength(2)
      })

      test('the limit counts from the longest due, and documents of one time all come', async () => {
        await put('A', 10)
        await put('B', 10)
        await put('C', 10)
        await put('D', 5)
        expect(await due(FAR_MS, 1)).toEqual([{ key: key('D'), dueAtMs: 5 }])
        expect(await due(FAR_MS, 3)).toHaveLength(3)
        expect((await dueKeys()).toSorted()).toEqual(['A', 'B', 'C', 'D'])
      })

      test('a document without both attributes is not due', async () => {
        await store.put(key('A'), { dueShard: shard }, 'absent')
        await store.put(key('B'), { dueAtMs: 1 }, 'absent')
        await store.put(key('C'), { in: { dueShard: shard, dueAtMs: 1 } }, 'absent')
        expect(await due()).toEqual([])
      })

      test('what changes a document changes when it is due', async () => {
        await store.put(key('put'), { dueShard: shard }, 'absent')
        await store.put(key('put'), { dueShard: shard, dueAtMs: 1 }, 1)
        await put('updated', 9)
        await store.update(key('updated'), { checks: [], changes: [set(['dueAtMs'], 2)] })
        await store.update(key('made'), {
          checks: [],
          changes: [set(['dueShard'], shard), set(['dueAtMs'], 3)],
        })
        await put('moved', 9, shard + 1)
        const move = { checks: [], changes: [set(['dueShard'], shard), set(['dueAtMs'], 4)] }
        await store.transact([{ action: 'update', key: key('moved'), plan: move }])
        expect(await dueKeys()).toEqual(['put', 'updated', 'made', 'moved'])
        expect(await store.due(shard + 1, { untilMs: FAR_MS, limit: 1 })).toEqual([])
      })

      test('what is settled or deleted is not due', async () => {
        for (const sk of ['replaced', 'settled', 'deleted', 'removed']) await put(sk, 1)
        await store.put(key('replaced'), { dueShard: shard }, 1)
        await store.update(key('settled'), { checks: [], changes: [remove(['dueAtMs'])] })
        await store.delete(key('deleted'), [])
        await store.transact([{ action: 'delete', key: key('removed'), checks: [] }])
        expect(await due()).toEqual([])
      })
    })

    describe('transact', () => {
      test('all actions are carried out', async () => {
        await store.put(key('replaced'), { a: 1 }, 'absent')
        await store.put(key('deleted'), { a: 1 }, 'absent')
        await store.put(key('checked'), { a: 1 }, 'absent')
        const verdict = await store.transact([
          { action: 'put', key: key('new'), item: { a: 2 }, expected: 'absent' },
          { action: 'put', key: key('replaced'), item: { a: 2 }, expected: 1 },
          { action: 'update', key: key('updated'), plan: { checks: [], changes: [set(['a'], 2)] } },
          { action: 'delete', key: key('deleted'), checks: [present(['a'])] },
          { action: 'check', key: key('checked'), checks: [equal(['a'], 1)] },
        ])
        expect(verdict).toEqual({ applied: true })
        expect(await stored('new')).toEqual({ a: 2, ver: 1 })
        expect(await stored('replaced')).toEqual({ a: 2, ver: 2 })
        expect(await stored('updated')).toEqual({ a: 2 })
        expect(await stored('deleted')).toBeUndefined()
        expect(await stored('checked')).toEqual({ a: 1, ver: 1 })
      })

      test('refused conditions are named by position and nothing is written', async () => {
        await store.put(key('there'), { a: 1 }, 'absent')
        const verdict = await store.transact([
          { action: 'put', key: key('new'), item: {}, expected: 'absent' },
          { action: 'put', key: key('there'), item: {}, expected: 'absent' },
          {
            action: 'update',
            key: key('other'),
            plan: { checks: [present(['a'])], changes: [set(['a'], 1)] },
          },
          { action: 'delete', key: key('third'), checks: [absent(['a'])] },
          { action: 'check', key: key('fourth'), checks: [present(['a'])] },
        ])
        expect(verdict).toEqual({ applied: false, refused: [1, 2, 4] })
        expect(await stored('new')).toBeUndefined()
        expect(await stored('there')).toEqual({ a: 1, ver: 1 })
      })

      test('a malformed plan writes nothing', async () => {
        const transaction = store.transact([
          { action: 'put', key: key('new'), item: {}, expected: 'absent' },
          { action: 'update', key: key(), plan: { checks: [], changes: [set(['a', 'x'], 1)] } },
        ])
        await expect(transaction).rejects.toMatchObject({ errorName: 'UNKNOWN_SERVER_ERROR' })
        expect(await stored('new')).toBeUndefined()
      })

      test('100 actions are possible; none, 101, or two on one document are not', async () => {
        const puts = (count: number) =>
          Array.from({ length: count }, (_, index) => {
            return { action: 'put', key: key(`${index}`), item: {}, expected: 'absent' } as const
          })
        const refused = { errorName: 'UNKNOWN_SERVER_ERROR' }
        await expect(store.transact([])).rejects.toMatchObject(refused)
        await expect(store.transact(puts(101))).rejects.toMatchObject(refused)
        await expect(store.transact([...puts(1), ...puts(1)])).rejects.toMatchObject(refused)
        expect(await stored('0')).toBeUndefined()
        expect(await store.transact(puts(100))).toEqual({ applied: true })
      })
    })

    describe('races', () => {
      test('of 50 conditional updates exactly one wins', async () => {
        const verdicts = await Promise.all(
          Array.from({ length: 50 }, (_, index) =>
            store.update(key(), { checks: [absent(['winner'])], changes: [set(['winner'], index)] }),
          ),
        )
        const won = verdicts.filter((verdict) => verdict.applied)
        expect(won).toHaveLength(1)
        const item = await stored()
        expect(won[0]?.item).toEqual(item)
        expect(
          verdicts
            .filter((verdict) => !verdict.applied)
            .every(({ item: seen }) => seen?.winner === item?.winner),
        ).toBe(true)
      })

      test('of 50 puts of a new document exactly one wins', async () => {
        const puts = Array.from({ length: 50 }, (_, by) => store.put(key(), { by }, 'absent'))
        expect((await Promise.all(puts)).filter((verdict) => verdict.applied)).toHaveLength(1)
      })

      test('50 additions add up, and each sees another sum', async () => {
        await store.put(key(), { sum: 0 }, 'absent')
        const plan = { checks: [], changes: [copyPlus(['sum'], ['sum'], 1)] }
        const verdicts = await Promise.all(Array.from({ length: 50 }, () => store.update(key(), plan)))
        expect(new Set(verdicts.map(({ item }) => item?.sum)).size).toBe(50)
        expect((await stored())?.sum).toBe(50)
      })
    })
  })
}
