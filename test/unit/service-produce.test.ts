import { describe, expect, test } from 'vitest'
import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { readBatchHeader, withMaxTimestamp } from '../../shared/protocol/batch-header.ts'
import { decodeBatch } from '../../shared/protocol/decode-batch.ts'
import { encodeBatch } from '../../shared/protocol/encode-batch.ts'
import { type ProduceRequest, produce } from '../../shared/service/produce.ts'
import { changeHead, isHeadUpdate, runBefore } from '../support/calls.ts'
import {
  batchOf,
  createTopic,
  fetchAll,
  fetchOne,
  produceOne,
  sequenced,
  TOPIC,
} from '../support/log-requests.ts'
import { brokenInvariants, storedHead } from '../support/partition-invariants.ts'
import { otherEnvironment, START_MS, type TestDeps, testDeps } from '../support/test-deps.ts'

type Topics = ProduceRequest['topics']
const request = (topics: Topics, changes: Partial<ProduceRequest> = {}): ProduceRequest => ({
  acks: -1,
  timeoutMs: 30_000,
  transactionalId: null,
  topics,
  ...changes,
})
const row = (partitionIndex: number, batch = batchOf(1)) => ({ partitionIndex, batch })
const putsOf = (deps: TestDeps) => [...deps.nodes.values()].map((node) => node.faults.calls.length)
const end = async (deps: TestDeps, topicId: string) => (await storedHead(deps, topicId)).logEndOffset

describe('what a request has decompressed', () => {
  const MIB = 1024 * 1024
  const bomb = (bytes: number) =>
    encodeBatch({
      records: [{ key: null, value: new Uint8Array(bytes), headers: [], timestamp: 1 }],
      compression: 'zstd',
      codecs: nodeCodecs,
    })
  const produceAll = async (batches: readonly Uint8Array[]) => {
    const deps = await testDeps()
    await createTopic(deps, TOPIC, { partitions: batches.length, configs: { 'compression.type': 'gzip' } })
    const partitions = batches.map((batch, partitionIndex) => row(partitionIndex, batch))
    const { topics } = await produce(deps, request([{ name: TOPIC, partitions }]))
    return topics[0]?.partitions.map((answer) => ('errorName' in answer ? answer.errorName : 'appended'))
  }

  test('is at most 64 MiB in sum: the batch that goes over is too large, and those behind it', async () => {
    expect(await produceAll([bomb(30 * MIB), bomb(30 * MIB), bomb(30 * MIB), bomb(1)])).toEqual([
      'appended',
      'appended',
      'MESSAGE_TOO_LARGE',
      'MESSAGE_TOO_LARGE',
    ])
  })

  test('counts where it failed, too, but one failure leaves the others be', async () => {
    const bad = bomb(1000).fill(0x99, 61)
    const damaged = stampedAgain(bad)
    expect(await produceAll([damaged, bomb(30 * MIB)])).toEqual(['CORRUPT_MESSAGE', 'appended'])
    const many = await produceAll(Array.from({ length: 20 }, () => damaged))
    expect(many?.slice(-5)).toEqual(Array.from({ length: 5 }, () => 'MESSAGE_TOO_LARGE'))
  })

  test('is nothing for a batch that is stored as it came', async () => {
    const deps = await testDeps()
    await createTopic(deps, TOPIC, { partitions: 3, configs: { 'compression.type': 'zstd' } })
    const partitions = [0, 1, 2].map((partitionIndex) => row(partitionIndex, bomb(30 * MIB)))
    const { topics } = await produce(deps, request([{ name: TOPIC, partitions }]))
    expect(topics[0]?.partitions.map(({ errorCode }) => errorCode)).toEqual([0, 0, 0])
  })
})

/** The batch with its CRC made right again. */
const stampedAgain = (batch: Uint8Array) =>
  withMaxTimestamp(withMaxTimestamp(batch, { maxTimestamp: 2 }), { maxTimestamp: 1 })

describe('what is wrong with the request itself refuses all of it', () => {
  test.each<{ name: string; given: ProduceRequest; error: string }>([
    { name: 'acks=2', given: request([], { acks: 2 }), error: 'INVALID_REQUIRED_ACKS' },
    { name: 'acks=-2', given: request([], { acks: -2 }), error: 'INVALID_REQUIRED_ACKS' },
    {
      name: 'a partition twice under one topic',
      given: request([{ name: 'a', partitions: [row(0), row(0)] }]),
      error: 'INVALID_REQUEST',
    },
    {
      name: 'a partition twice under its topic written twice',
      given: request([
        { name: 'a', partitions: [row(1)] },
        { name: 'a', partitions: [row(1)] },
      ]),
      error: 'INVALID_REQUEST',
    },
    {
      name: 'more than 4 MiB in sum',
      given: request([{ name: 'a', partitions: [0, 1, 2].map((p) => row(p, new Uint8Array(1_400_000))) }]),
      error: 'MESSAGE_TOO_LARGE',
    },
  ])('$name', async ({ given, error }) => {
    const deps = await testDeps()
    await expect(produce(deps, given)).rejects.toMatchObject({ errorName: error })
    expect(deps.documents.faults.calls).toEqual([])
  })

  test('topics whose names and partitions run together are different ones', async () => {
    const deps = await testDeps({ configs: { 'num.partitions': '2' } })
    const { topics } = await produce(
      deps,
      request([
        { name: 'a-1', partitions: [row(0)] },
        { name: 'a', partitions: [row(0)] },
      ]),
    )
    expect(topics).toMatchObject([{ partitions: [{ errorCode: 0 }] }, { partitions: [{ errorCode: 0 }] }])
  })
})

describe('a partition that fails does not touch the others', () => {
  test('each row answers its own, in the order of the request', async () => {
    const deps = await testDeps({ configs: { 'auto.create.topics.enable': 'false' } })
    const topicId = await createTopic(deps, TOPIC, { partitions: 2 })
    const corrupt = batchOf(1).fill(9, 66, 67)
    const { topics } = await produce(
      deps,
      request([
        { name: 'nowhere', partitions: [row(0)] },
        { name: TOPIC, topicId, partitions: [row(7), row(1, batchOf(3)), row(0, corrupt)] },
        { name: 'bad name', partitions: [row(0)] },
      ]),
    )
    expect(topics).toMatchObject([
      {
        name: 'nowhere',
        partitions: [{ partitionIndex: 0, errorName: 'UNKNOWN_TOPIC_OR_PARTITION', baseOffset: -1 }],
      },
      {
        name: TOPIC,
        topicId,
        partitions: [
          { partitionIndex: 7, errorName: 'UNKNOWN_TOPIC_OR_PARTITION' },
          { partitionIndex: 1, errorCode: 0, baseOffset: 0, logStartOffset: 0 },
          { partitionIndex: 0, errorName: 'CORRUPT_MESSAGE' },
        ],
      },
      { name: 'bad name', partitions: [{ errorName: 'INVALID_TOPIC_EXCEPTION' }] },
    ])
  })

  test.each([
    { transactionalId: null, error: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED' },
    { transactionalId: 't', error: 'INVALID_TXN_STATE' },
  ])('a transactional batch is refused with $error, nothing written', async ({ transactionalId, error }) => {
    const deps = await testDeps()
    const producer = { producerId: 1, producerEpoch: 0, baseSequence: 0 }
    const batch = batchOf(1, { producer, isTransactional: true })
    const given = request([{ name: 'new', partitions: [row(0, batch)] }], { transactionalId })
    expect((await produce(deps, given)).topics[0]?.partitions[0]).toMatchObject({ errorName: error })
    expect(deps.documents.faults.calls.filter(({ method }) => method !== 'get')).toEqual([])
  })
})

describe('WAL objects', () => {
  test('one request is one object per set of replicas, whichever of them leads', async () => {
    const deps = await testDeps()
    const topicId = await createTopic(deps, TOPIC, { partitions: 3 })
    const rows = [0, 1, 2].map((partitionIndex) =>
      row(partitionIndex, batchOf(1, { value: `p${partitionIndex}` })),
    )
    await produce(deps, request([{ name: TOPIC, partitions: rows }]))
    const leaders = await Promise.all([0, 1, 2].map(async (p) => (await storedHead(deps, topicId, p)).leader))
    expect(new Set(leaders).size).toBe(3)
    expect(putsOf(deps)).toEqual([1, 1, 1])
    for (const partitionIndex of [0, 1, 2]) {
      expect(await fetchAll(deps, { partitionIndex })).toMatchObject([{ value: `p${partitionIndex}` }])
    }
  })

  test('partitions with other replicas go to other objects', async () => {
    const deps = await testDeps({ nodes: 4 })
    await createTopic(deps, TOPIC, { partitions: 2 })
    await produce(deps, request([{ name: TOPIC, partitions: [row(0), row(1)] }]))
    expect(putsOf(deps).sort()).toEqual([1, 1, 2, 2])
  })

  test('a warm append is its puts and one write', async () => {
    const deps = await testDeps()
    await createTopic(deps)
    await produceOne(deps, batchOf(1))
    deps.documents.faults.calls.length = 0
    await produceOne(deps, batchOf(1))
    expect(deps.documents.faults.calls.map(({ method }) => method)).toEqual(['update'])
    expect(putsOf(deps)).toEqual([2, 2, 2])
  })

  test('a put that fails once is tried again', async () => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    deps.nodes.get(1)?.faults.once(() => true, { fault: 'fails' })
    expect(await produceOne(deps, batchOf(1))).toMatchObject({ errorName: undefined })
    expect((await brokenInvariants(deps, topicId, undefined)).broken).toEqual([])
  })

  test('C14: a replica that is joining is written to as well', async () => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    const { isr } = await storedHead(deps, topicId)
    const [joining, ...others] = [...isr].reverse()
    await changeHead(deps, topicId, { isr: others.reverse(), joining: [joining ?? ''], partitionEpoch: 1 })
    await produceOne(deps, batchOf(1))
    expect(putsOf(deps)).toEqual([1, 1, 1])
  })

  test('when the ISR changed meanwhile only those not yet reached are written to', async () => {
    const deps = await testDeps({ nodes: 4 })
    const topicId = await createTopic(deps)
    const { isr, replicas, leader } = await storedHead(deps, topicId)
    const fourth = ['0.1', '1.1', '2.1', '3.1'].find((replica) => !replicas.includes(replica)) ?? ''
    const changed = { partitionEpoch: 1, isr: [leader ?? '', fourth], replicas: [...isr, fourth] }
    deps.documents.faults.once(
      isHeadUpdate,
      runBefore(() => changeHead(deps, topicId, changed)),
    )
    expect(await produceOne(deps, batchOf(1))).toMatchObject({ errorName: undefined, baseOffset: 0 })
    expect(putsOf(deps)).toEqual([1, 1, 1, 1])
  })

  test('a bucket that was exchanged meanwhile is another replica: it is written to again', async () => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    const { isr } = await storedHead(deps, topicId)
    const renamed = isr.map((replica) => (replica === isr[2] ? replica.replace('.1', '.2') : replica))
    const changed = { partitionEpoch: 1, isr: renamed, replicas: renamed }
    deps.documents.faults.once(
      isHeadUpdate,
      runBefore(() => changeHead(deps, topicId, changed)),
    )
    expect(await produceOne(deps, batchOf(1))).toMatchObject({ errorName: undefined })
    expect(putsOf(deps).sort()).toEqual([1, 1, 2])
  })
})

describe('a partition that cannot take a batch', () => {
  test.each([
    { name: 'without leader', changes: { leader: undefined }, acks: -1, error: 'LEADER_NOT_AVAILABLE' },
    {
      name: 'with too few in sync',
      changes: { leader: '0.1', isr: ['0.1'] },
      acks: -1,
      error: 'NOT_ENOUGH_REPLICAS',
    },
    {
      name: 'with too few in sync, which acks=1 does not mind',
      changes: { leader: '0.1', isr: ['0.1'] },
      acks: 1,
      error: undefined,
    },
    { name: 'with nobody in sync', changes: { isr: [] }, acks: 1, error: 'LEADER_NOT_AVAILABLE' },
  ])('$name: $error', async ({ changes, acks, error }) => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    await changeHead(deps, topicId, changes)
    expect((await produceOne(deps, batchOf(1), { acks })).errorName).toBe(error)
    expect(await end(deps, topicId)).toBe(error === undefined ? 1 : 0)
  })

  test('is not refused for what is remembered of it', async () => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    const { isr } = await storedHead(deps, topicId)
    await changeHead(deps, topicId, { isr: isr.slice(0, 1) })
    await produceOne(deps, batchOf(1), { acks: 1 })
    await changeHead(deps, topicId, { isr, partitionEpoch: 1 })
    expect(await produceOne(deps, batchOf(1))).toMatchObject({ errorName: undefined, baseOffset: 1 })
  })

  test('that lost its leader while the batch was copied has no effect', async () => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    deps.documents.faults.once(
      isHeadUpdate,
      runBefore(() => changeHead(deps, topicId, { leader: undefined, leaderEpoch: 1 })),
    )
    expect(await produceOne(deps, batchOf(1))).toMatchObject({
      errorName: 'LEADER_NOT_AVAILABLE',
      effect: 'none',
    })
    expect(await end(deps, topicId)).toBe(0)
  })

  test('that has another leader by now is appended to in its epoch', async () => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    deps.documents.faults.once(
      isHeadUpdate,
      runBefore(() => changeHead(deps, topicId, { leader: '2.1', leaderEpoch: 1, lineage: { 0: 0, 1: 0 } })),
    )
    expect(await produceOne(deps, batchOf(1))).toMatchObject({ errorName: undefined })
    expect(await fetchAll(deps)).toMatchObject([{ leaderEpoch: 1 }])
  })
})

test('acks=0 answers no offset, but does append, and answers errors', async () => {
  const deps = await testDeps()
  await createTopic(deps)
  expect(await produceOne(deps, batchOf(2), { acks: 0 })).toMatchObject({
    errorName: undefined,
    baseOffset: -1,
  })
  expect(await produceOne(deps, sequenced(1), { acks: 0 })).toMatchObject({
    errorName: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
  })
  expect(await produceOne(deps, batchOf(2), { acks: 'all' })).toMatchObject({ baseOffset: 2 })
})

describe('max.message.bytes', () => {
  const bytes = batchOf(1).length

  test.each([
    { name: 'a batch of just that size is taken', max: bytes, error: undefined },
    { name: 'a byte more is not', max: bytes - 1, error: 'MESSAGE_TOO_LARGE' },
  ])('$name', async ({ max, error }) => {
    const deps = await testDeps()
    await createTopic(deps, TOPIC, { configs: { 'max.message.bytes': String(max) } })
    expect((await produceOne(deps, batchOf(1))).errorName).toBe(error)
  })

  test('of the cluster holds for topics without their own, and for those that are to be created', async () => {
    const deps = await testDeps({ configs: { 'message.max.bytes': String(bytes - 1) } })
    expect(await produceOne(deps, batchOf(1), { topic: 'new' })).toMatchObject({
      errorName: 'MESSAGE_TOO_LARGE',
    })
    expect(await produceOne(deps, batchOf(1), { topic: 'new' })).toMatchObject({
      errorName: 'MESSAGE_TOO_LARGE',
    })
    await createTopic(deps, 'own', { configs: { 'max.message.bytes': String(bytes) } })
    expect(await produceOne(deps, batchOf(1), { topic: 'own' })).toMatchObject({ errorName: undefined })
  })

  test('holds for a batch as it is stored too: as in Kafka, recompression must not make it larger', async () => {
    const deps = await testDeps()
    const configs = { 'compression.type': 'uncompressed', 'max.message.bytes': '1000' }
    const topicId = await createTopic(deps, TOPIC, { configs })
    const small = batchOf(1, { value: 'x'.repeat(100_000), compression: 'gzip' })
    expect(small.length).toBeLessThan(1000)
    expect(await produceOne(deps, small)).toMatchObject({ errorName: 'MESSAGE_TOO_LARGE', effect: 'none' })
    expect(await end(deps, topicId)).toBe(0)
  })
})

describe('compression.type', () => {
  const stored = async (deps: TestDeps) => {
    const [bytes] = (await fetchOne(deps, 0)).batches
    if (bytes === undefined) throw new Error('nothing is stored')
    return {
      header: readBatchHeader(bytes, 0),
      records: decodeBatch(bytes, nodeCodecs, { maxDecompressedBytes: 1e6 }),
    }
  }

  test.each([
    { topic: 'producer', given: 'gzip' as const, expected: 'gzip' },
    { topic: 'uncompressed', given: 'gzip' as const, expected: 'none' },
    { topic: 'zstd', given: 'none' as const, expected: 'zstd' },
    { topic: 'lz4', given: 'lz4' as const, expected: 'lz4' },
  ])(
    '$topic: a batch in $given is stored in $expected, everything else as it was',
    async ({ topic, given, expected }) => {
      const deps = await testDeps()
      await createTopic(deps, TOPIC, { configs: { 'compression.type': topic } })
      const producer = { producerId: 9, producerEpoch: 2, baseSequence: 0 }
      const batch = batchOf(3, { compression: given, producer, timestamps: [30, 10, 20] })
      await produceOne(deps, batch)
      const { header, records } = await stored(deps)
      expect(header).toMatchObject({ compression: expected, ...producer, maxTimestamp: 30, recordCount: 3 })
      expect(records.map(({ timestamp }) => timestamp)).toEqual([30, 10, 20])
      expect(await produceOne(deps, batch)).toMatchObject({ errorName: undefined, baseOffset: 0 })
    },
  )

  test('a batch whose records cannot be decompressed is corrupt', async () => {
    const deps = await testDeps()
    await createTopic(deps, TOPIC, { configs: { 'compression.type': 'zstd' } })
    const lies = batchOf(3, { compression: 'gzip', claimsRecords: 4 })
    expect(await produceOne(deps, lies)).toMatchObject({ errorName: 'CORRUPT_MESSAGE', effect: 'none' })
  })
})

describe('message.timestamp.type=LogAppendTime', () => {
  const configs = { 'message.timestamp.type': 'LogAppendTime' }
  const timestamps = async (deps: TestDeps) =>
    (await fetchOne(deps, 0)).batches.flatMap((bytes) =>
      decodeBatch(bytes, nodeCodecs, { maxDecompressedBytes: 1e6 }).map(({ timestamp }) => timestamp),
    )

  test('every record is of the time of the append, which is answered', async () => {
    const deps = await testDeps()
    await createTopic(deps, TOPIC, { configs })
    const batch = batchOf(2)
    const sent = batch.slice()
    expect(await produceOne(deps, batch)).toMatchObject({ logAppendTimeMs: START_MS })
    expect(await timestamps(deps)).toEqual([START_MS, START_MS])
    expect(batch).toEqual(sent)
  })

  test('a topic without it answers −1', async () => {
    const deps = await testDeps()
    await createTopic(deps)
    expect(await produceOne(deps, batchOf(2))).toMatchObject({ logAppendTimeMs: -1 })
    expect(await timestamps(deps)).toEqual([1000, 1001])
  })

  test('a duplicate is answered the time of the first append, as in Kafka', async () => {
    const deps = await testDeps()
    await createTopic(deps, TOPIC, { configs })
    await produceOne(deps, sequenced(0))
    deps.clock.set(START_MS + 5000)
    expect(await produceOne(deps, sequenced(0))).toMatchObject({ baseOffset: 0, logAppendTimeMs: START_MS })
  })

  test('of a topic made anew under the name goes before that of the one that is gone', async () => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    await produceOne(deps, batchOf(1))
    const others = otherEnvironment(deps)
    deps.documents.faults.once(
      isHeadUpdate,
      runBefore(async () => {
        await deps.documents.store.delete({ pk: `P#${topicId}#0`, sk: 'HEAD' }, [])
        await deps.documents.store.delete({ pk: 'TOPICS', sk: TOPIC }, [])
        await createTopic(others, TOPIC, { configs })
      }),
    )
    expect(await produceOne(deps, batchOf(1))).toMatchObject({ baseOffset: 0, logAppendTimeMs: START_MS })
  })
})
