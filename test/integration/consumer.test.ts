import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type DevProcess, startDev } from '../support/dev-process.ts'
import {
  errorsOf,
  type GroupClients,
  groupClients,
  identityOf,
  QUICK,
  recordsOf,
  shares,
  valuesOf,
} from '../support/group-clients.ts'

/** Until a member that was killed has no partition any more: its session, two heartbeats of the others, and the join. */
const TAKEN_OVER_MS = QUICK.sessionTimeoutMs + 2 * QUICK.heartbeatIntervalMs + 2000
const LONG = { timeout: 60_000, interval: 50 }

let directory: string
let service: DevProcess
let clients: GroupClients

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stratolog-consumer-'))
  service = await startDev({ dataDirectory: directory })
  clients = groupClients(service.endpoint)
})

afterEach(() => clients.end())

afterAll(async () => {
  await service?.kill()
  await rm(directory, { recursive: true, force: true })
})

describe('six consumers of four partitions', () => {
  test('four work and two are idle; one that is killed is replaced in time, and nothing is lost', async () => {
    await clients.createTopic('orders', 4)
    const members = Array.from({ length: 6 }, () => clients.member('six', 'orders'))
    const busy = () => members.filter((one) => one.assignment().length > 0)
    await vi.waitFor(() => expect(shares(members)).toEqual([0, 0, 1, 1, 1, 1]), LONG)
    const producer = clients.steadyProducer('orders', 4)
    await vi.waitFor(
      () => expect(new Set(recordsOf(members).map(({ partition }) => partition)).size).toBe(4),
      LONG,
    )
    await vi.waitFor(async () => expect((await clients.committed('six')).size).toBe(4), LONG)

    const [victim] = busy()
    if (victim === undefined) throw new Error('nobody works')
    const [{ partition } = { partition: -1 }] = victim.assignment()
    victim.signal('SIGKILL')
    const killedMs = performance.now()
    const committedThen = (await clients.committed('six')).get(partition) ?? 0
    const others = members.filter((one) => one !== victim)
    const goesOn = () =>
      recordsOf(others).find((line) => line.partition === partition && line.atMs > killedMs)?.atMs ??
      Number.NaN
    await vi.waitFor(() => expect(goesOn()).toBeGreaterThan(0), LONG)
    const takenOverMs = goesOn() - killedMs
    console.log(`a killed member's partition is read again after ${Math.round(takenOverMs)} ms`)
    expect(takenOverMs).toBeLessThan(TAKEN_OVER_MS)

    await producer.stop()
    await vi.waitFor(() => expect(new Set(valuesOf(members)).size).toBe(producer.written.length), LONG)
    expect(new Set(valuesOf(members))).toEqual(new Set(producer.written))
    const seen = new Set<string>()
    const repeated = recordsOf(members).filter(({ value }) => seen.size === seen.add(value).size)
    for (const line of repeated) {
      expect(line).toMatchObject({ partition })
      expect(line.offset).toBeGreaterThanOrEqual(committedThen)
    }
    await vi.waitFor(() => expect(shares(others)).toEqual([0, 1, 1, 1, 1]), LONG)
    expect(errorsOf(members)).toEqual([])
  })
})

test('two groups each are given everything', async () => {
  await clients.createTopic('both', 2)
  const [one, two] = [
    [clients.member('left', 'both'), clients.member('left', 'both')],
    [clients.member('right', 'both'), clients.member('right', 'both')],
  ]
  const producer = clients.steadyProducer('both', 2)
  await vi.waitFor(() => expect(valuesOf(one).length).toBeGreaterThan(100), LONG)
  await producer.stop()
  for (const group of [one, two]) {
    await vi.waitFor(
      () => expect(valuesOf(group).length).toBeGreaterThanOrEqual(producer.written.length),
      LONG,
    )
    expect(valuesOf(group).toSorted()).toEqual([...producer.written].sort())
  }
})

test('a member that was frozen for longer than its session is refused as it thaws, and changes nothing', async () => {
  await clients.createTopic('frozen', 1)
  // Too late to commit on its own: what it has processed it commits as it thaws.
  const zombie = clients.member('thaw', 'frozen', { commitIntervalMs: 3_600_000 })
  const produce = (value: string) => clients.append('frozen', [value])
  await produce('a')
  await vi.waitFor(() => expect(valuesOf([zombie])).toEqual(['a']), LONG)
  const identity = identityOf(zombie, 'thaw')
  zombie.signal('SIGSTOP')

  const heir = clients.member('thaw', 'frozen')
  await vi.waitFor(() => expect(valuesOf([heir])).toEqual(['a']), LONG)
  await produce('b')
  await produce('c')
  await vi.waitFor(async () => expect(await clients.committed('thaw')).toEqual(new Map([[0, 3]])), LONG)

  // First what a commit that was on its way all the time does, then the member itself.
  expect(await clients.commitAs(identity, 'frozen', 1)).toMatch(/UNKNOWN_MEMBER_ID|ILLEGAL_GENERATION/)
  zombie.signal('SIGCONT')
  await vi.waitFor(() => expect(zombie.lines.map(({ is }) => is)).toContain('late commit'), LONG)
  const outcome = zombie.lines.find((line) => line.is === 'late commit')?.outcome
  expect(outcome).toMatch(/UNKNOWN_MEMBER_ID|ILLEGAL_GENERATION/)
  expect(await clients.committed('thaw')).toEqual(new Map([[0, 3]]))

  // It is a member again, and the group goes on.
  await vi.waitFor(() => expect(zombie.lines.map(({ is }) => is)).toContain('lost'), LONG)
  await produce('d')
  await vi.waitFor(() => expect(valuesOf([zombie, heir])).toContain('d'), LONG)
  await vi.waitFor(async () => expect(await clients.committed('thaw')).toEqual(new Map([[0, 4]])), LONG)
  expect(valuesOf([zombie, heir]).filter((value) => value === 'd')).toHaveLength(1)
  // What it had asked for before it knew, the zombie may have been handed too.
  expect(valuesOf([heir]).slice(0, 3)).toEqual(['a', 'b', 'c'])
})
