import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Emulators, startEmulators } from '../../local/emulators.ts'
import { type DevProcess, startDev } from '../support/dev-process.ts'
import {
  errorsOf,
  type GroupClients,
  groupClients,
  identityOf,
  partitionsOf,
  recordsOf,
  shares,
  valuesOf,
} from '../support/group-clients.ts'
import { canRun } from '../support/requires.ts'

const LONG = { timeout: 90_000, interval: 50 }

if (canRun('consumer groups over the AWS adapters', ['java', 'python3'])) {
  let emulators: Emulators
  let service: DevProcess
  let clients: GroupClients

  beforeAll(async () => {
    emulators = await startEmulators({ nodes: 3 })
    service = await startDev({ dataDirectory: { environment: emulators.environment } })
    clients = groupClients(service.endpoint)
  })
  afterEach(() => clients.end())
  afterAll(async () => {
    await service?.kill()
    await emulators?.stop()
  })

  describe('a group over DynamoDB Local and an S3 emulator', () => {
    test('grows and shrinks, loses a member, and nothing: repeated is only what was not committed', async () => {
      await clients.createTopic('orders', 6)
      const members = [1, 2, 3].map(() => clients.member('billing', 'orders'))
      await vi.waitFor(() => expect(shares(members)).toEqual([2, 2, 2]), LONG)
      const producer = clients.steadyProducer('orders', 6)
      await vi.waitFor(async () => expect((await clients.committed('billing')).size).toBe(6), LONG)

      const guest = clients.member('billing', 'orders')
      await vi.waitFor(() => expect(shares([...members, guest])).toEqual([1, 1, 2, 2]), LONG)
      await guest.end()
      await vi.waitFor(() => expect(shares(members)).toEqual([2, 2, 2]), LONG)

      const [victim, ...others] = members
      if (victim === undefined) throw new Error('no member')
      const [lost, zombie] = [partitionsOf(victim), identityOf(victim, 'billing')]
      victim.signal('SIGKILL')
      const atDeath = await clients.committed('billing')
      await vi.waitFor(() => expect(shares(others)).toEqual([3, 3]), LONG)

      // What the dead member had on its way comes now.
      const before = (await clients.committed('billing')).get(0) ?? 0
      expect(await clients.commitAs(zombie, 'orders', 0)).toMatch(/UNKNOWN_MEMBER_ID|ILLEGAL_GENERATION/)
      expect((await clients.committed('billing')).get(0)).toBeGreaterThanOrEqual(before)

      await producer.stop()
      expect(producer.doubtful).toEqual([])
      const all = [...members, guest]
      await vi.waitFor(() => expect(new Set(valuesOf(all))).toEqual(new Set(producer.written)), LONG)
      const seen = new Set<string>()
      const repeated = recordsOf(all).filter(({ value }) => seen.size === seen.add(value).size)
      for (const { partition, offset } of repeated) {
        expect(lost).toContain(partition)
        expect(offset).toBeGreaterThanOrEqual(atDeath.get(partition) ?? 0)
      }
      const perPartition = producer.written.length / 6
      await vi.waitFor(
        async () =>
          expect([...(await clients.committed('billing')).values()]).toEqual(Array(6).fill(perPartition)),
        LONG,
      )
      expect(errorsOf(all)).toEqual([])
    })

    test('a static member that is killed and started again has what it had, without a rebalance', async () => {
      await clients.createTopic('static', 4)
      const first = clients.member('static', 'static', { groupInstanceId: 'i1' })
      const other = clients.member('static', 'static', { groupInstanceId: 'i2' })
      await vi.waitFor(() => expect(shares([first, other])).toEqual([2, 2]), LONG)
      const had = partitionsOf(first)
      const former = { ...identityOf(first, 'static'), groupInstanceId: 'i1' }
      expect(await clients.commitAs(former, 'static', 0)).toBeUndefined()
      const toldBefore = other.lines.length
      first.signal('SIGKILL')
      const again = clients.member('static', 'static', { groupInstanceId: 'i1' })
      await vi.waitFor(() => expect(partitionsOf(again)).toEqual(had), LONG)
      expect(identityOf(again, 'static').generationId).toBe(former.generationId)
      expect(identityOf(again, 'static').memberId).not.toBe(former.memberId)
      expect(await clients.commitAs(former, 'static', 1)).toBe('FENCED_INSTANCE_ID')
      expect(other.lines.slice(toldBefore)).toEqual([])
    })

    test('a deleted group has nothing, and may be made again', async () => {
      await clients.createTopic('deleted', 1)
      const producer = clients.steadyProducer('deleted', 1)
      const first = clients.member('deleted', 'deleted')
      await vi.waitFor(
        async () => expect((await clients.committed('deleted')).get(0)).toBeGreaterThan(3),
        LONG,
      )
      await producer.stop()
      expect(await clients.deleteGroup('deleted')).toBe('NON_EMPTY_GROUP')
      await first.end()
      expect(await clients.deleteGroup('deleted')).toBeUndefined()
      expect(await clients.committed('deleted')).toEqual(new Map())
      expect(await clients.deleteGroup('deleted')).toBe('GROUP_ID_NOT_FOUND')

      const second = clients.member('deleted', 'deleted')
      await vi.waitFor(() => expect(valuesOf([second])).toEqual(producer.written), LONG)
      await vi.waitFor(
        async () =>
          expect(await clients.committed('deleted')).toEqual(new Map([[0, producer.written.length]])),
        LONG,
      )
    })
  })
}
