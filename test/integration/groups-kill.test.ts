import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type DevProcess, startDev } from '../support/dev-process.ts'
import {
  errorsOf,
  type GroupClients,
  groupClients,
  QUICK,
  recordsOf,
  shares,
  valuesOf,
} from '../support/group-clients.ts'

const LONG = { timeout: 90_000, interval: 50 }

let directory: string
let service: DevProcess
let clients: GroupClients

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stratolog-groups-'))
  service = await startDev({ dataDirectory: directory })
  clients = groupClients(service.endpoint)
})

afterAll(async () => {
  await clients?.end()
  await service?.kill()
  await rm(directory, { recursive: true, force: true })
})

/** kill -9, and the same again on the same port once `downMs` are over. */
async function restart(downMs: number): Promise<void> {
  await service.kill()
  await new Promise((resolve) => setTimeout(resolve, downMs))
  service = await startDev({ dataDirectory: directory, port: Number(new URL(service.endpoint).port) })
}

test('consumers come and go while the service is killed and started again: nothing is lost, repeated is only what was not committed', async () => {
  const partitions = 6
  await clients.createTopic('orders', partitions)
  const producer = clients.steadyProducer('orders', partitions)
  const started = () => clients.member('billing', 'orders')
  const members = [started(), started()]
  await vi.waitFor(() => expect(shares(members)).toEqual([3, 3]), LONG)
  /** Where the group certainly was before something died. */
  const notes: { readonly atMs: number; readonly committed: ReadonlyMap<number, number> }[] = []
  const note = async () => {
    const committed = await clients.committed('billing')
    notes.push({ atMs: performance.now(), committed })
  }
  const goesOn = async () => {
    const count = recordsOf(members).length
    await vi.waitFor(() => expect(recordsOf(members).length).toBeGreaterThan(count + 50), LONG)
  }
  await goesOn()

  // In the middle of a join, in the middle of nothing, and for longer than sessions last.
  for (const { downMs, joins } of [
    { downMs: 0, joins: 1 },
    { downMs: 0, joins: 0 },
    { downMs: QUICK.sessionTimeoutMs + 1000, joins: 1 },
  ]) {
    await note()
    for (let at = 0; at < joins; at += 1) members.push(started())
    await restart(downMs)
    await vi.waitFor(
      () => expect(shares(members).reduce((sum, share) => sum + share, 0)).toBe(partitions),
      LONG,
    )
    await goesOn()
  }
  await note()
  const [victim, leaver] = members
  victim?.signal('SIGKILL')
  await leaver?.end()
  const left = members.slice(2)
  await vi.waitFor(() => expect(shares(left)).toEqual([3, 3]), LONG)
  await goesOn()

  await producer.stop()
  const mayBe = new Set([...producer.written, ...producer.doubtful])
  await vi.waitFor(() => {
    const values = new Set(valuesOf(members))
    expect(producer.written.filter((value) => !values.has(value))).toEqual([])
  }, LONG)
  expect(valuesOf(members).filter((value) => !mayBe.has(value))).toEqual([])
  // Whoever takes over goes on from what is committed by then.
  const seen = new Set<string>()
  const inTurn = recordsOf(members).toSorted((a, b) => a.atMs - b.atMs)
  const repeated = inTurn.filter(({ value }) => seen.size === seen.add(value).size)
  const tooFarBack = repeated.filter(({ partition, offset, atMs }) => {
    const known = notes.findLast((one) => one.atMs < atMs)
    return offset < (known?.committed.get(partition) ?? 0)
  })
  expect(tooFarBack).toEqual([])
  expect(errorsOf(members)).toEqual([])
})
