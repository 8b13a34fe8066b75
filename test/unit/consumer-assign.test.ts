import { describe, expect, test } from 'vitest'
import {
  type Consumer,
  type ConsumerEvents,
  type ConsumerOptions,
  type ConsumerRecord,
  LogTruncationError,
  StratologError,
} from '../../client/index.ts'
import { changeHead } from '../support/calls.ts'
import { type ConsumerService, consumerService } from '../support/consumer-service.ts'

const text = (bytes: Uint8Array | null) => (bytes === null ? null : new TextDecoder().decode(bytes))
const show = ({ topic, partition, offset, value }: ConsumerRecord) =>
  `${topic}-${partition}@${offset} ${text(value)}`
const values = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => `v${from + at}`)
const at0 = { topic: 't', partition: 0 }

async function started(options: ConsumerOptions = {}, partitions = 1) {
  const service = await consumerService()
  await service.createTopic('t', partitions)
  const consumer = service.client().consumer(options)
  return { service, consumer }
}

async function topicIdOf(service: ConsumerService): Promise<string> {
  const { topics } = await service.client().transport.call('metadata', { topics: [{ name: 't' }] })
  return topics[0]?.topicId ?? ''
}

/** The partition has another leader, in the newest epoch of this lineage. */
async function newLeader(service: ConsumerService, lineage: Readonly<Record<number, number>>): Promise<void> {
  const leaderEpoch = Math.max(...Object.keys(lineage).map(Number))
  await changeHead(service.deps, await topicIdOf(service), { leaderEpoch, partitionEpoch: 1, lineage })
}

/** Runs a consumer that notes what it is handed. */
async function noting(consumer: Consumer): Promise<string[]> {
  const noted: string[] = []
  await consumer.run({ eachRecord: ({ record }) => void noted.push(show(record)) })
  return noted
}

function told<E extends keyof ConsumerEvents>(consumer: Consumer, event: E): ConsumerEvents[E][] {
  const all: ConsumerEvents[E][] = []
  consumer.on(event, (one) => all.push(one))
  return all
}

const fetches = ({ seen }: ConsumerService) => seen.filter(({ api }) => api === 'fetch')

describe('a consumer of assigned partitions', () => {
  test('is handed all records of all of them in order, with what they carry', async () => {
    const { service, consumer } = await started({}, 2)
    await service.append('t', 0, ['k=v0', 'v1'])
    await service.append('t', 1, ['w0'])
    await consumer.assign([at0, { topic: 't', partition: 1 }])
    const records: ConsumerRecord[] = []
    await consumer.run({ eachRecord: ({ record }) => void records.push(record) })
    await service.until(() => records.length === 3)
    expect(records.map(show).sort()).toEqual(['t-0@0 v0', 't-0@1 v1', 't-1@0 w0'])
    expect(records.find(({ value }) => text(value) === 'v0')).toMatchObject({
      offset: 0n,
      leaderEpoch: 0,
      headers: [],
      timestamp: expect.any(Number),
    })
    expect(records.map(({ key }) => text(key)).filter((key) => key !== null)).toEqual(['k'])
    await consumer.close()
    await consumer.stopped
  })

  test.each([
    { startFrom: 'earliest' as const, first: 't-0@0 v0' },
    { startFrom: 'latest' as const, first: 't-0@3 v3' },
  ])('begins at the $startFrom offset', async ({ startFrom, first }) => {
    const { service, consumer } = await started({ startFrom })
    await service.append('t', 0, values(0, 3))
    await consumer.assign([at0])
    const noted = await noting(consumer)
    await service.until(() => consumer.position(at0) === 3n)
    await service.append('t', 0, ['v3'])
    await service.until(() => noted.includes('t-0@3 v3'))
    expect(noted[0]).toBe(first)
  })

  test('ends when there is nothing to begin with and that is not to be guessed', async () => {
    const { service, consumer } = await started({ startFrom: 'none' })
    await consumer.assign([at0])
    let ended: unknown
    consumer.stopped.catch((error) => {
      ended = error
    })
    await noting(consumer)
    await service.until(() => ended !== undefined)
    expect(ended).toMatchObject({ errorName: 'NO_OFFSET_FOR_PARTITION' })
  })

  test('is told of a partition that is not there', async () => {
    const { service, consumer } = await started()
    await consumer.assign([{ topic: 't', partition: 1 }])
    const warnings = told(consumer, 'warning')
    await noting(consumer)
    await service.pass(20_000)
    expect(warnings.map(({ error }) => error.message)).toEqual([
      'topic has no such partition partition=t-1 partitionCount=1',
    ])
  })

  test('reads on from where it is told to, what was fetched before is forgotten', async () => {
    const { service, consumer } = await started({ maxPollRecords: 1 })
    await service.append('t', 0, values(0, 5))
    await consumer.assign([{ ...at0, offset: 3n }])
    const noted: string[] = []
    await consumer.run({
      eachRecord: ({ record }) => {
        noted.push(show(record))
        if (noted.length === 1) consumer.seek({ ...at0, offset: 1n })
      },
    })
    await service.until(() => noted.length === 5)
    expect(noted.map((line) => line.split(' ')[1])).toEqual(['v3', 'v1', 'v2', 'v3', 'v4'])
  })

  test('forgets what a fetch finds that was under way as it was told to read elsewhere', async () => {
    const { service, consumer } = await started()
    await service.append('t', 0, values(0, 3))
    await consumer.assign([at0])
    const noted = await noting(consumer)
    await service.until(() => noted.length === 3)
    consumer.seek({ ...at0, offset: 1n })
    await service.append('t', 0, ['v3'])
    await service.until(() => noted.length === 6)
    expect(noted.map((line) => line.split(' ')[1])).toEqual(['v0', 'v1', 'v2', 'v1', 'v2', 'v3'])
  })

  test('does not wait in the service while a partition that has no room is left out', async () => {
    const { service, consumer } = await started({ maxPollRecords: 1 }, 2)
    await service.append('t', 0, values(0, 20))
    await consumer.assign([at0, { topic: 't', partition: 1 }])
    let handled = 0
    await consumer.run({
      eachRecord: async () => {
        await service.pass(300)
        handled += 1
      },
    })
    await service.until(() => handled === 20)
    const partial = fetches(service).filter(
      ({ body }) => JSON.stringify(body).match(/partitionIndex/g)?.length === 1,
    )
    expect(partial.length).toBeGreaterThan(0)
    expect(new Set(partial.map(({ body }) => body.maxWaitMs))).toEqual(new Set([0]))
  })

  test('hands nothing out of a paused partition, and all of it later', async () => {
    const { service, consumer } = await started({}, 2)
    await service.append('t', 0, values(0, 10))
    await service.append('t', 1, ['w0'])
    await consumer.assign([at0, { topic: 't', partition: 1 }])
    const noted: string[] = []
    await consumer.run({
      eachRecord: ({ record }) => {
        noted.push(show(record))
        if (text(record.value) === 'v3') consumer.pause([at0])
      },
    })
    await service.until(() => noted.includes('t-0@3 v3') && noted.includes('t-1@0 w0'))
    await service.pass(20_000)
    expect(noted).toHaveLength(5)
    expect(consumer.paused()).toEqual([at0])
    consumer.resume([at0])
    await service.until(() => noted.length === 11)
    expect(noted.filter((line) => line.startsWith('t-0'))).toEqual(
      values(0, 10).map((value, at) => `t-0@${at} ${value}`),
    )
  })

  test('that finds nothing waits in the service once, then at home for 0.2 s to 5 s, and not at all for what comes', async () => {
    const { service, consumer } = await started()
    await service.append('t', 0, ['v0'])
    await consumer.assign([at0])
    const noted = await noting(consumer)
    await service.until(() => noted.length === 1)
    await service.pass(40_000)
    const waits = fetches(service).map(({ body }) => body.maxWaitMs)
    expect(waits.slice(0, 4)).toEqual([500, 500, 0, 0])
    const pauses = fetches(service).map(({ atMs }, at, all) => atMs - (all[at - 1]?.atMs ?? atMs))
    expect(pauses.slice(3, 8)).toEqual([400, 800, 1600, 3200, 5000])
    expect(pauses.at(-1)).toBe(5000)
    const before = fetches(service).length
    await service.append('t', 0, ['v1'])
    await service.until(() => noted.length === 2 && fetches(service).length > before + 1)
    expect(fetches(service)[before + 1]?.body.maxWaitMs).toBe(500)
    expect(fetches(service)[before + 1]?.atMs).toBe(fetches(service)[before]?.atMs)
  })

  test('begins anew as startFrom says where its position is outside the log, and tells', async () => {
    const { service, consumer } = await started()
    await service.append('t', 0, values(0, 3))
    await consumer.assign([{ ...at0, offset: 7n }])
    const resets = told(consumer, 'reset')
    const noted = await noting(consumer)
    await service.until(() => noted.length === 3)
    expect(resets).toEqual([{ ...at0, reason: 'OFFSET_OUT_OF_RANGE', fromOffset: 7n, toOffset: 0n }])
  })

  test('hands out all that it has fetched before it begins anew', async () => {
    const { service, consumer } = await started({ maxPollRecords: 2 })
    await service.append('t', 0, values(0, 3))
    await consumer.assign([at0])
    const resets = told(consumer, 'reset')
    const noted: string[] = []
    await consumer.run({
      eachRecord: async ({ record }) => {
        noted.push(show(record))
        if (noted.length === 1)
          await changeHead(service.deps, await topicIdOf(service), { logStartOffset: 5 })
        await service.pass(3000)
      },
    })
    await service.until(() => resets.length > 0)
    expect(noted).toEqual(['t-0@0 v0', 't-0@1 v1', 't-0@2 v2'])
    expect(resets[0]).toMatchObject({ fromOffset: 3n, toOffset: 5n })
  })

  test('is told that a topic is another one by now, and begins anew', async () => {
    const { service, consumer } = await started()
    await service.append('t', 0, values(0, 3))
    await consumer.assign([at0])
    const [recreated, resets] = [told(consumer, 'topicRecreated'), told(consumer, 'reset')]
    const noted = await noting(consumer)
    await service.until(() => noted.length === 3)
    await service.client().transport.call('delete-topics', { topics: [{ name: 't' }] })
    await service.createTopic('t', 1)
    await service.append('t', 0, ['new'])
    await service.until(() => noted.length === 4)
    expect(noted[3]).toBe('t-0@0 new')
    expect(recreated).toHaveLength(1)
    expect(recreated[0]?.topicId).not.toBe(recreated[0]?.oldTopicId)
    expect(resets).toEqual([{ ...at0, reason: 'TOPIC_RECREATED', fromOffset: 3n, toOffset: 0n }])
  })

  test('goes on when the leader is another one', async () => {
    const { service, consumer } = await started()
    await service.append('t', 0, ['v0'])
    await consumer.assign([at0])
    const noted = await noting(consumer)
    await service.until(() => noted.length === 1)
    await newLeader(service, { 0: 0, 1: 1 })
    await service.append('t', 0, ['v1'])
    await service.until(() => noted.length === 2)
    expect(noted[1]).toBe('t-0@1 v1')
  })
})

describe('a log that was truncated behind what was read', () => {
  async function truncated(consumer: Consumer, service: ConsumerService): Promise<string[]> {
    await service.append('t', 0, values(0, 2))
    await newLeader(service, { 0: 0, 3: 2 })
    await service.append('t', 0, ['w2', 'w3', 'w4'])
    await consumer.assign([at0])
    // It has read up to 3 in epoch 0, of which an unclean election kept 0 and 1.
    consumer.seek({ ...at0, offset: 3n, leaderEpoch: 0 })
    return noting(consumer)
  }

  test('is an error that names the offsets; the partition stands still until it is told where to go on', async () => {
    const { service, consumer } = await started()
    const errors = told(consumer, 'error')
    const noted = await truncated(consumer, service)
    await service.until(() => errors.length === 1)
    await service.pass(10_000)
    const [{ error, ...rest } = { error: undefined }] = errors
    expect(rest).toEqual({ isFatal: false, partitions: [at0] })
    expect(error).toBeInstanceOf(LogTruncationError)
    expect(error).toMatchObject({
      errorName: 'LOG_TRUNCATION',
      truncation: { ...at0, fetchOffset: 3n, divergentOffset: 2n, leaderEpoch: 0 },
    })
    expect(noted).toEqual([])
    consumer.seek({ ...at0, offset: 2n })
    await service.until(() => noted.length === 3)
    expect(noted[0]).toBe('t-0@2 w2')
    expect(errors).toHaveLength(1)
  })

  test('ends the consumer where nobody listens', async () => {
    const { service, consumer } = await started()
    let ended: unknown
    consumer.stopped.catch((error) => {
      ended = error
    })
    await truncated(consumer, service)
    await service.until(() => ended !== undefined)
    expect(ended).toBeInstanceOf(LogTruncationError)
  })
})

describe('handlers', () => {
  test('one that throws ends the consumer', async () => {
    const { service, consumer } = await started()
    await service.append('t', 0, values(0, 3))
    await consumer.assign([at0])
    const errors = told(consumer, 'error')
    const seen: string[] = []
    await consumer.run({
      eachRecord: ({ record }) => {
        seen.push(show(record))
        if (seen.length === 2) throw new Error('cannot')
      },
    })
    await expect(consumer.stopped).rejects.toThrow('cannot')
    expect(seen).toHaveLength(2)
    expect(errors).toEqual([{ error: new Error('cannot'), isFatal: true, partitions: [] }])
  })

  test('partitions are handled at the same time, as many as were asked for', async () => {
    const { service, consumer } = await started({ partitionsConsumedConcurrently: 2 }, 3)
    const partitions = [0, 1, 2].map((partition) => ({ topic: 't', partition }))
    for (const { partition } of partitions) await service.append('t', partition, values(0, 2))
    await consumer.assign(partitions)
    const running = new Set<number>()
    let most = 0
    let handled = 0
    await consumer.run({
      eachRecord: async ({ partition }) => {
        expect(running.has(partition)).toBe(false)
        running.add(partition)
        most = Math.max(most, running.size)
        await service.pass(100)
        running.delete(partition)
        handled += 1
      },
    })
    await service.until(() => handled === 6)
    expect(most).toBe(2)
  })

  test('several of one partition work at the same time, on one record of a key each, in its order', async () => {
    const { service, consumer } = await started({ keyConcurrency: 3 })
    await service.append('t', 0, ['a=1', 'a=2', 'b=3', 'b=4', 'c=5', 'a=6'])
    await consumer.assign([at0])
    const running = new Set<string>()
    const done: string[] = []
    let most = 0
    await consumer.run({
      eachRecord: async ({ record }) => {
        const key = text(record.key) ?? ''
        expect(running.has(key)).toBe(false)
        running.add(key)
        most = Math.max(most, running.size)
        await service.pass(key === 'a' ? 1000 : 100)
        running.delete(key)
        done.push(`${key}${text(record.value)}`)
      },
    })
    await service.until(() => done.length === 6)
    expect(most).toBe(3)
    expect(done.filter((record) => record.startsWith('a'))).toEqual(['a1', 'a2', 'a6'])
    expect(done.slice(0, 3)).not.toContain('a1')
  })

  test('of batches are given at most maxPollRecords, and again what they left out', async () => {
    const { service, consumer } = await started({ maxPollRecords: 3 })
    await service.append('t', 0, values(0, 5))
    await consumer.assign([at0])
    const batches: (string | null)[][] = []
    await consumer.run({
      eachBatch: ({ batch, resolveOffset }) => {
        batches.push(batch.records.map(({ value }) => text(value)))
        if (batches.length === 1) resolveOffset(0n)
      },
    })
    await service.until(() => batches.flat().includes('v4'))
    expect(batches).toEqual([['v0', 'v1', 'v2'], ['v1', 'v2', 'v3'], ['v4']])
  })
})

describe('a loop over records', () => {
  test('is given one after the other until it is left, which closes the consumer', async () => {
    const { service, consumer } = await started()
    await service.append('t', 0, values(0, 5))
    await consumer.assign([at0])
    const seen: string[] = []
    for await (const record of consumer) {
      seen.push(show(record))
      if (seen.length === 3) break
    }
    expect(seen).toEqual(['t-0@0 v0', 't-0@1 v1', 't-0@2 v2'])
    await consumer.stopped
    expect(consumer.assignment()).toEqual([])
  })

  test('ends when the consumer is closed, and fails with what ended it', async () => {
    const closed = await started()
    await closed.consumer.assign([at0])
    const none = closed.consumer.records().next()
    await closed.consumer.close()
    expect(await none).toEqual({ done: true, value: undefined })

    const failed = await started({ startFrom: 'none' })
    await failed.consumer.assign([at0])
    await expect(failed.consumer.records().next()).rejects.toMatchObject({
      errorName: 'NO_OFFSET_FOR_PARTITION',
    })
  })
})

describe('what is asked at the wrong time', () => {
  const T = { topics: ['t'] }

  test.each<{
    name: string
    options?: ConsumerOptions
    ask: (consumer: Consumer) => Promise<unknown>
    message: RegExp
  }>([
    {
      name: 'running without partitions',
      ask: (one) => one.run({ eachRecord: () => {} }),
      message: /nothing to read/,
    },
    {
      name: 'subscribing without a group',
      ask: (one) => one.subscribe({ topics: ['t'] }),
      message: /groupId/,
    },
    {
      name: 'running twice',
      ask: async (one) => {
        await one.assign([at0])
        await one.run({ eachRecord: () => {} })
        await one.run({ eachRecord: () => {} })
      },
      message: /runs already/,
    },
    {
      name: 'running without a handler',
      ask: async (one) => {
        await one.assign([at0])
        await one.run({} as never)
      },
      message: /eachRecord or eachBatch/,
    },
    ...(['commit', 'subscribe', 'assign'] as const).map((call) => ({
      name: `${call} of a consumer that is closed`,
      options: { groupId: 'g' },
      ask: async (one: Consumer) => {
        await one.close()
        await (call === 'commit' ? one.commit() : call === 'assign' ? one.assign([at0]) : one.subscribe(T))
      },
      message: /consumer is closed/,
    })),
    { name: 'committing without a group', ask: (one) => one.commit(), message: /groupId/ },
    {
      name: 'seeking what is not assigned',
      ask: async (one) => one.seek({ ...at0, offset: 1n }),
      message: /not assigned/,
    },
  ])('$name is refused', async ({ options, ask, message }) => {
    const { consumer } = await started(options)
    const refused = ask(consumer)
    await expect(refused).rejects.toBeInstanceOf(StratologError)
    await expect(refused).rejects.toMatchObject({ errorName: 'INVALID_REQUEST' })
    await expect(refused).rejects.toThrow(message)
  })

  test.each([
    { heartbeatIntervalMs: 45_000 },
    { maxPollRecords: 0 },
    { assignors: ['sorted'] as never },
    { assignors: [] },
    { maxPollRecords: 1.5 },
    { sessionTimeoutMs: Number.NaN },
    { fetchMinBytes: -1 },
    { startFrom: 'smallest' as never },
    { isolation: 'READ_UNCOMMITTED' as never },
    { maxPollRecord: 5 } as never,
  ])('options that contradict, or are none, are refused: %o', async (options) => {
    const service = await consumerService()
    expect(() => service.client().consumer(options)).toThrow(StratologError)
  })

  test('an option that is undefined has its default', async () => {
    const service = await consumerService()
    const options: object = { groupId: undefined, maxPollRecords: undefined, startFrom: undefined }
    expect(() => service.client().consumer(options)).not.toThrow()
  })
})

test('a handler that does not end is told so when the consumer does not wait any longer', async () => {
  const { service, consumer } = await started()
  await service.append('t', 0, ['v0'])
  await consumer.assign([at0])
  let isTold = false
  await consumer.run({
    eachRecord: ({ signal }) =>
      new Promise((resolve) =>
        signal.addEventListener('abort', () => {
          isTold = true
          resolve()
        }),
      ),
  })
  await service.until(() => fetches(service).length > 1)
  const closing = consumer.close({ timeoutMs: 3000 })
  await service.pass(2000)
  expect(isTold).toBe(false)
  await closing
  expect(isTold).toBe(true)
})

test('a service that is out of reach is asked until it is back', async () => {
  const { service } = await started()
  await service.append('t', 0, ['v0'])
  let isCut = false
  const consumer = service.client({ cut: () => isCut }).consumer()
  await consumer.assign([at0])
  const [warnings, errors] = [told(consumer, 'warning'), told(consumer, 'error')]
  const noted = await noting(consumer)
  await service.until(() => noted.length === 1)
  isCut = true
  await service.pass(1000) // what was on its way is answered
  await service.append('t', 0, ['v1'])
  await service.pass(300_000)
  expect(warnings[0]?.error).toMatchObject({ errorName: 'NETWORK_EXCEPTION' })
  expect(noted).toHaveLength(1)
  isCut = false
  await service.until(() => noted.length === 2)
  expect(errors).toEqual([])
})

test('an aborted signal closes a consumer that runs', async () => {
  const { service, consumer } = await started()
  await consumer.assign([at0])
  const until = new AbortController()
  await consumer.run({ eachRecord: () => {}, signal: until.signal })
  await service.until(() => fetches(service).length > 1)
  until.abort()
  await consumer.stopped
  const before = service.seen.length
  await service.pass(60_000)
  expect(service.seen).toHaveLength(before)
})
