import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { rowError, Stratolog } from '../../client/index.ts'
import { type ConsumerProcess, startConsumer } from '../support/consumer-process.ts'
import { type DevProcess, startDev } from '../support/dev-process.ts'

const SESSION_MS = 6000
const HEARTBEAT_MS = 1000
/** Until a member that was killed has no partition any more: its session, two heartbeats of the others, and the join. */
const TAKEN_OVER_MS = SESSION_MS + 2 * HEARTBEAT_MS + 2000
const LONG = { timeout: 60_000, interval: 50 }

let directory: string
let service: DevProcess
let admin: Stratolog
const consumers: ConsumerProcess[] = []

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stratolog-consumer-'))
  service = await startDev({ dataDirectory: directory })
  admin = new Stratolog({ endpoint: service.endpoint })
})

afterEach(async () => {
  await Promise.all(consumers.splice(0).map((consumer) => consumer.end()))
})

afterAll(async () => {
  await service.kill()
  await rm(directory, { recursive: true, force: true })
})

async function createTopic(name: string, partitions: number): Promise<void> {
  const answer = await admin.transport.call('create-topics', {
    topics: [{ name, numPartitions: partitions }],
  })
  expect(answer.topics[0]?.errorCode).toBe(0)
}

function member(groupId: string, topic: string, commitIntervalMs = 500): ConsumerProcess {
  const options = { groupId, sessionTimeoutMs: SESSION_MS, heartbeatIntervalMs: HEARTBEAT_MS }
  const { endpoint } = service
  const started = startConsumer({ endpoint, topics: [topic], options, commitIntervalMs })
  consumers.push(started)
  return started
}

/** Appends one record to each partition again and again until it is stopped; answers all that was acknowledged. */
function steadyProducer(topic: string, partitions: number) {
  const written: string[] = []
  const stop = new AbortController()
  const run = (async () => {
    for (let at = 0; !stop.signal.aborted; at += 1) {
      const values = Array.from({ length: partitions }, (_, partition) => `${partition}/${at}`)
      const rows = values.map((value, partitionIndex) => ({
        partitionIndex,
        records: [{ key: null, value: btoa(value) }],
      }))
      const { topics } = await admin.transport.call('produce', {
        topics: [{ name: topic, partitions: rows }],
      })
      for (const row of topics[0]?.partitions ?? []) expect(row.errorCode).toBe(0)
      written.push(...values)
      await admin.transport.sleep(20, undefined)
    }
  })()
  return {
    written,
    stop: async () => {
      stop.abort()
      await run
    },
  }
}

async function committed(groupId: string): Promise<ReadonlyMap<number, number>> {
  const { topics } = await admin.transport.call('offset-fetch', { groupId })
  const rows = topics.flatMap(({ partitions }) => partitions)
  return new Map(rows.map(({ partitionIndex, committedOffset }) => [partitionIndex, committedOffset]))
}

const recordsOf = (members: readonly ConsumerProcess[]) =>
  members.flatMap(({ lines }) => lines.filter((line) => line.is === 'record'))
const valuesOf = (members: readonly ConsumerProcess[]) => recordsOf(members).map(({ value }) => value)
const errorsOf = (members: readonly ConsumerProcess[]) =>
  members.flatMap(({ lines }) => lines.filter((line) => line.is === 'error'))

describe('six consumers of four partitions', () => {
  test('four work and two are idle; one that is killed is replaced in time, and nothing is lost', async () => {
    await createTopic('orders', 4)
    const members = Array.from({ length: 6 }, () => member('six', 'orders'))
    const busy = () => members.filter((one) => one.assignment().length > 0)
    await vi.waitFor(
      () => expect(members.map((one) => one.assignment().length).sort()).toEqual([0, 0, 1, 1, 1, 1]),
      LONG,
    )
    const producer = steadyProducer('orders', 4)
    await vi.waitFor(
      () => expect(new Set(recordsOf(members).map(({ partition }) => partition)).size).toBe(4),
      LONG,
    )
    await vi.waitFor(async () => expect((await committed('six')).size).toBe(4), LONG)

    const [victim] = busy()
    if (victim === undefined) throw new Error('nobody works')
    const [{ partition } = { partition: -1 }] = victim.assignment()
    victim.signal('SIGKILL')
    const killedMs = performance.now()
    const committedThen = (await committed('six')).get(partition) ?? 0
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
    await vi.waitFor(
      () => expect(others.map((one) => one.assignment().length).sort()).toEqual([0, 1, 1, 1, 1]),
      LONG,
    )
    expect(errorsOf(members)).toEqual([])
  })
})

test('two groups each are given everything', async () => {
  await createTopic('both', 2)
  const [one, two] = [
    [member('left', 'both'), member('left', 'both')],
    [member('right', 'both'), member('right', 'both')],
  ]
  const producer = steadyProducer('both', 2)
  await vi.waitFor(() => expect(valuesOf(one).length).toBeGreaterThan(100), LONG)
  await producer.stop()
  for (const group of [one, two]) {
    await vi.waitFor(
      () => expect(valuesOf(group).length).toBeGreaterThanOrEqual(producer.written.length),
      LONG,
    )
    expect(valuesOf(group).sort()).toEqual([...producer.written].sort())
  }
})

test('a member that was frozen for longer than its session is refused as it thaws, and changes nothing', async () => {
  await createTopic('frozen', 1)
  // Too late to commit on its own: what it has processed it commits as it thaws.
  const zombie = member('thaw', 'frozen', 3_600_000)
  const produce = async (value: string) => {
    const records = [{ key: null, value: btoa(value) }]
    const partitions = [{ partitionIndex: 0, records }]
    await admin.transport.call('produce', { topics: [{ name: 'frozen', partitions }] })
  }
  await produce('a')
  await vi.waitFor(() => expect(valuesOf([zombie])).toEqual(['a']), LONG)
  const joined = zombie.lines.findLast((line) => line.is === 'member')
  zombie.signal('SIGSTOP')

  const heir = member('thaw', 'frozen')
  await vi.waitFor(() => expect(valuesOf([heir])).toEqual(['a']), LONG)
  await produce('b')
  await produce('c')
  await vi.waitFor(async () => expect(await committed('thaw')).toEqual(new Map([[0, 3]])), LONG)

  // First what a commit that was on its way all the time does, then the member itself.
  const topics = [{ name: 'frozen', partitions: [{ partitionIndex: 0, committedOffset: 1 }] }]
  const { generationId = -1, memberId = '' } = joined ?? {}
  const late = await admin.transport.call('offset-commit', {
    groupId: 'thaw',
    generationId,
    memberId,
    topics,
  })
  const row = late.topics[0]?.partitions[0]
  expect(row && rowError(row)?.errorName).toMatch(/UNKNOWN_MEMBER_ID|ILLEGAL_GENERATION/)
  zombie.signal('SIGCONT')
  await vi.waitFor(() => expect(zombie.lines.map(({ is }) => is)).toContain('late commit'), LONG)
  const outcome = zombie.lines.find((line) => line.is === 'late commit')?.outcome
  expect(outcome).toMatch(/UNKNOWN_MEMBER_ID|ILLEGAL_GENERATION/)
  expect(await committed('thaw')).toEqual(new Map([[0, 3]]))

  // It is a member again, and the group goes on.
  await vi.waitFor(() => expect(zombie.lines.map(({ is }) => is)).toContain('lost'), LONG)
  await produce('d')
  await vi.waitFor(() => expect(valuesOf([zombie, heir])).toContain('d'), LONG)
  await vi.waitFor(async () => expect(await committed('thaw')).toEqual(new Map([[0, 4]])), LONG)
  expect(valuesOf([zombie, heir]).filter((value) => value === 'd')).toHaveLength(1)
  // What it had asked for before it knew, the zombie may have been handed too.
  expect(valuesOf([heir]).slice(0, 3)).toEqual(['a', 'b', 'c'])
})
