import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { encodeBatch } from '../../shared/protocol/encode-batch.ts'
import { encodeFrame } from '../../shared/protocol/frame.ts'
import { type TestRequest, testService } from '../support/http-service.ts'

const FRAME = 'application/vnd.stratolog.frame'
const MIB = 1024 * 1024

let service: Awaited<ReturnType<typeof testService>>
beforeAll(async () => {
  service = await testService()
})
afterAll(() => service.close())

/** One record of `bytes` bytes. */
const batch = (bytes: number) =>
  encodeBatch({
    records: [{ key: null, value: new Uint8Array(bytes), headers: [], timestamp: 1 }],
    compression: 'none',
    codecs: nodeCodecs,
  })
const produceOf = (partition: object, more: object = {}) => ({
  topics: [{ name: 'refused', partitions: [{ partitionIndex: 0, ...partition }] }],
  ...more,
})
const frameOf = (header: unknown, ...batches: Uint8Array[]) => Buffer.concat(encodeFrame(header, batches))
const produce = (body: unknown, headers: Record<string, string> = {}): TestRequest => ({
  path: '/v1/produce',
  body,
  headers,
})
const rest = (body: unknown, headers: Record<string, string> = {}): TestRequest => ({
  path: '/topics/refused',
  body,
  headers: { 'content-type': 'application/vnd.kafka.json.v2+json', ...headers },
})
const fetchOf = (partition: object) => ({ topics: [{ name: 'a', partitions: [partition] }] })

interface Refusal {
  readonly name: string
  readonly request: TestRequest
  readonly status: number
  readonly code?: number
  readonly error?: string
  readonly message: string | RegExp
}

const access: Refusal[] = [
  {
    name: 'a foreign Host',
    request: { path: '/', headers: { host: 'evil.example' } },
    status: 403,
    code: 40301,
    error: 'CLUSTER_AUTHORIZATION_FAILED',
    message: /host/,
  },
  {
    name: 'a Host that begins like an allowed one',
    request: { path: '/', headers: { host: 'localhost.evil.example' } },
    status: 403,
    code: 40301,
    error: 'CLUSTER_AUTHORIZATION_FAILED',
    message: /host/,
  },
  {
    name: 'no Host',
    request: { path: '/', headers: { host: '' } },
    status: 403,
    code: 40301,
    error: 'CLUSTER_AUTHORIZATION_FAILED',
    message: /host/,
  },
  ...['https://evil.example', 'null', 'http://localhost:8083', 'https://localhost:8082'].map((origin) => ({
    name: `the Origin ${origin}`,
    request: { path: '/', headers: { origin } },
    status: 403,
    code: 40301,
    error: 'CLUSTER_AUTHORIZATION_FAILED',
    message: /origin .*STRATOLOG_CORS_ORIGINS/,
  })),
  {
    name: 'a foreign Host before anything else is looked at',
    request: {
      path: '/nothing',
      method: 'PUT',
      headers: { host: 'evil.example' },
      body: 'x'.repeat(4_500_001),
    },
    status: 403,
    code: 40301,
    error: 'CLUSTER_AUTHORIZATION_FAILED',
    message: /host/,
  },
]

const paths: Refusal[] = [
  {
    name: 'an unknown path',
    request: { path: '/nothing' },
    status: 404,
    message: 'unknown path path=/nothing',
  },
  {
    name: 'an unknown path of any length',
    request: { path: `/${'x'.repeat(5000)}` },
    status: 404,
    message: /^unknown path path=\/x{99}$/,
  },
  {
    name: 'an unknown api',
    request: { path: '/v1/nothing', body: {} },
    status: 404,
    message: 'unknown path path=/v1/nothing',
  },
  {
    name: 'an api that comes later',
    request: { path: '/v1/init-producer-id', body: {} },
    status: 404,
    message: 'unknown path path=/v1/init-producer-id',
  },
  { name: 'another method', request: { path: '/v1/produce' }, status: 405, message: /POST/ },
  {
    name: 'another method at the root',
    request: { path: '/topics', method: 'DELETE' },
    status: 405,
    message: /GET, HEAD/,
  },
  {
    name: 'a live tail, which comes later',
    request: { path: '/topics/a/partitions/0/records?offset=0', headers: { accept: 'text/event-stream' } },
    status: 404,
    message: /live tail/,
  },
]

const sizesAndTypes: Refusal[] = [
  {
    name: 'a wire body that is too large, before its media type',
    request: produce('x'.repeat(4_500_001), { 'content-type': 'text/plain' }),
    status: 413,
    error: 'MESSAGE_TOO_LARGE',
    message: /max=4500000/,
  },
  {
    name: 'a wire body that says it is too large',
    request: produce('', { 'content-length': '4500001' }),
    status: 413,
    error: 'MESSAGE_TOO_LARGE',
    message: /bytes=4500001/,
  },
  {
    name: 'another media type on /v1, before its size when decompressed',
    request: produce(gzipSync(new Uint8Array(17 * MIB)), {
      'content-type': 'text/plain',
      'content-encoding': 'gzip',
    }),
    status: 415,
    message: /application\/json/,
  },
  ...[
    '',
    'application/x-www-form-urlencoded',
    'application/vnd.kafka.json.v2+json',
    'application/x-ndjson',
    '*/*',
  ].map((type) => ({
    name: `the media type '${type}' on /v1`,
    request: produce({}, { 'content-type': type }),
    status: 415,
    message: /application\/json/,
  })),
  {
    name: 'a frame for another api',
    request: { path: '/v1/fetch', body: 'x', headers: { 'content-type': FRAME } },
    status: 415,
    message: /application\/json/,
  },
  {
    name: 'another charset',
    request: produce({}, { 'content-type': 'application/json; charset=latin1' }),
    status: 415,
    message: /charset/,
  },
  ...[
    '',
    'application/octet-stream',
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/vnd.kafka.avro.v2+json',
    'application/vnd.kafka.protobuf.v2+json',
    'application/vnd.kafka.jsonschema.v2+json',
    'application/vnd.kafka.json.v3+json',
    FRAME,
  ].map((type) => ({
    name: `the media type '${type}' on REST`,
    request: rest({ records: [{ value: 1 }] }, { 'content-type': type }),
    status: 415,
    message: /vnd\.kafka/,
  })),
  {
    name: 'records in a format that cannot be had',
    request: {
      path: '/topics/a/partitions/0/records?offset=0',
      headers: { accept: 'application/vnd.kafka.avro.v2+json' },
    },
    status: 415,
    message: /accept/,
  },
  ...['br', 'deflate', 'gzip, gzip'].map((encoding) => ({
    name: `the content-encoding ${encoding}`,
    request: produce('x', { 'content-encoding': encoding }),
    status: 415,
    message: /content-encoding must be gzip or zstd/,
  })),
  ...(['gzip', 'zstd'] as const).flatMap((encoding) => {
    const compress = encoding === 'gzip' ? gzipSync : zstdCompressSync
    const headers = { 'content-encoding': encoding }
    return [
      {
        name: `a ${encoding} body that expands to more than 16 MiB`,
        request: produce(compress(new Uint8Array(16 * MIB + 1)), headers),
        status: 413,
        error: 'MESSAGE_TOO_LARGE',
        message: /max=16777216/,
      },
      {
        name: `a ${encoding} body that is none`,
        request: produce('hello hello hello', headers),
        status: 400,
        code: 40002,
        message: `body: is not ${encoding}`,
      },
      {
        name: `a ${encoding} body that is cut off`,
        request: produce(compress(Buffer.from('{"topics":[]}')).subarray(0, -3), headers),
        status: 400,
        code: 40002,
        message: `body: is not ${encoding}`,
      },
      {
        name: `an empty ${encoding} body`,
        request: rest('', headers),
        status: 422,
        message: `body: is not ${encoding}`,
      },
    ]
  }),
]

const forms: Refusal[] = [
  { name: 'no body', request: produce(''), status: 400, code: 40002, message: 'body: is empty' },
  {
    name: 'what is not JSON',
    request: produce('{"topics":[}'),
    status: 400,
    code: 40002,
    message: /^body: is not JSON/,
  },
  {
    name: 'JSON that is cut off',
    request: produce('{"topics":['),
    status: 400,
    code: 40002,
    message: /^body: is not JSON/,
  },
  {
    name: 'what is not UTF-8',
    request: produce(Uint8Array.of(0x22, 0xff, 0x22)),
    status: 400,
    code: 40002,
    message: 'body: is not UTF-8',
  },
  {
    name: 'another type of body',
    request: produce([]),
    status: 400,
    message: 'body: expected object, received array',
  },
  {
    name: 'a missing field',
    request: produce({}),
    status: 400,
    message: 'topics: expected array, received undefined',
  },
  {
    name: 'an unknown field',
    request: produce(produceOf({ records: [] }, { compression: 'zstd' })),
    status: 400,
    message: 'compression: unknown field',
  },
  {
    name: 'an unknown field inside',
    request: produce(produceOf({ records: [{ valu: 'YQ==' }] })),
    status: 400,
    message: 'topics[0].partitions[0].records[0].valu: unknown field',
  },
  {
    name: 'an unknown field named __proto__',
    request: produce('{"topics":[],"__proto__":{}}'),
    status: 400,
    message: '__proto__: unknown field',
  },
  {
    name: 'a field of another type',
    request: produce({ topics: [{ name: 1, partitions: [] }] }),
    status: 400,
    message: 'topics[0].name: expected string, received number',
  },
  {
    name: 'a partition that is none',
    request: produce({ topics: [{ name: 'a', partitions: [{ partitionIndex: 0.5, records: '' }] }] }),
    status: 400,
    message: /^topics\[0\]\.partitions\[0\]\.partitionIndex: /,
  },
  {
    name: 'records that are neither',
    request: produce(produceOf({ records: 5 })),
    status: 400,
    message:
      'topics[0].partitions[0].records: expected string, received number, or expected array, received number',
  },
  {
    name: 'records that are not base64',
    request: produce(produceOf({ records: 'a*b' })),
    status: 400,
    message: /^topics\[0\]\.partitions\[0\]\.records: .*base64/,
  },
  {
    name: 'a value that is not base64',
    request: produce(produceOf({ records: [{ value: 'a*b' }] })),
    status: 400,
    message: /^topics\[0\]\.partitions\[0\]\.records\[0\]\.value: .*base64/,
  },
  {
    name: 'a topicId that is none',
    request: produce({ topics: [{ name: 'a', topicId: 'x', partitions: [] }] }),
    status: 400,
    message: /^topics\[0\]\.topicId: /,
  },
  {
    name: 'acks that is a text',
    request: produce(produceOf({ records: [] }, { acks: 'some' })),
    status: 400,
    message: /^acks: /,
  },
  {
    name: 'acks out of range',
    request: produce(produceOf({ records: [{ value: 'YQ==' }] }, { acks: 2 })),
    status: 400,
    error: 'INVALID_REQUIRED_ACKS',
    message: /acks=2/,
  },
  {
    name: 'the same partition twice',
    request: produce({
      topics: [produceOf({ records: [{}] }).topics[0], produceOf({ records: [{}] }).topics[0]],
    }),
    status: 400,
    message: /refused-0/,
  },
  {
    name: 'a producerId beside base64',
    request: produce(produceOf({ records: 'YQ==', producerId: 1 })),
    status: 400,
    message: /producerId: /,
  },
  {
    name: 'a producerId without epoch',
    request: produce(produceOf({ records: [{}], producerId: 1, baseSequence: 0 })),
    status: 400,
    message: /producerEpoch: /,
  },
  {
    name: 'a producerId without sequence',
    request: produce(produceOf({ records: [{}], producerId: 1, producerEpoch: 0 })),
    status: 400,
    message: /baseSequence: /,
  },
  {
    name: 'an epoch without producerId',
    request: produce(produceOf({ records: [{}], producerEpoch: 0, baseSequence: 0 })),
    status: 400,
    error: 'INVALID_PRODUCER_ID_MAPPING',
    message: /producerId: /,
  },
  {
    name: 'a producerId below 0',
    request: produce(produceOf({ records: [{}], producerId: -2, producerEpoch: 0, baseSequence: 0 })),
    status: 400,
    error: 'INVALID_PRODUCER_ID_MAPPING',
    message: /producerId=-2/,
  },
  {
    name: 'a producerId beyond 2^53',
    request: produce(
      '{"topics":[{"name":"refused","partitions":[{"partitionIndex":0,"records":[{}],"producerId":9007199254740992}]}]}',
    ),
    status: 400,
    message: /producerId: /,
  },
  {
    name: 'a body of very many values',
    request: produce(`{"topics":[${'1,'.repeat(500_000)}1]}`),
    status: 400,
    message: /too many values/,
  },
  {
    name: 'a body that is wrong in very many places',
    request: {
      path: '/v1/describe-configs',
      body: {
        resources: [
          { resourceType: 2, resourceName: 'a', configurationKeys: Array.from({ length: 300_000 }, () => 1) },
        ],
      },
    },
    status: 400,
    message: /body: is wrong in too many places|configurationKeys/,
  },
  {
    name: 'a body of very many objects',
    request: produce(`{"topics":[${'{},'.repeat(400_000)}{}]}`),
    status: 400,
    message: /too many values/,
  },
  {
    name: 'a negative wait',
    request: {
      path: '/v1/fetch',
      body: { ...fetchOf({ partitionIndex: 0, fetchOffset: 0 }), maxWaitMs: -1 },
    },
    status: 400,
    message: /^maxWaitMs: /,
  },
  {
    name: 'another isolation level',
    request: {
      path: '/v1/fetch',
      body: { ...fetchOf({ partitionIndex: 0, fetchOffset: 0 }), isolationLevel: 2 },
    },
    status: 400,
    message: /^isolationLevel: /,
  },
  {
    name: 'a fetch without fetchOffset',
    request: { path: '/v1/fetch', body: fetchOf({ partitionIndex: 0 }) },
    status: 400,
    message: 'topics[0].partitions[0].fetchOffset: expected number, received undefined',
  },
  {
    name: 'a timestamp with no meaning',
    request: { path: '/v1/list-offsets', body: fetchOf({ partitionIndex: 0, timestamp: -4 }) },
    status: 400,
    message: /timestamp: /,
  },
  {
    name: 'a page without rows',
    request: { path: '/v1/metadata', body: { limit: 0 } },
    status: 400,
    message: /^limit: /,
  },
  {
    name: 'a topic to create that has no name',
    request: { path: '/v1/create-topics', body: { topics: [{}] } },
    status: 400,
    message: /^topics\[0\]\.name: /,
  },
  {
    name: 'a topic to delete that has no name',
    request: { path: '/v1/delete-topics', body: { topics: [{}] } },
    status: 400,
    message: /^topics\[0\]/,
  },
  {
    name: 'a resource without type',
    request: { path: '/v1/describe-configs', body: { resources: [{ resourceName: 'a' }] } },
    status: 400,
    message: /^resources\[0\]\.resourceType: /,
  },
  {
    name: 'partitions to create of nobody knows how many',
    request: { path: '/v1/create-partitions', body: { topics: [{ name: 'a' }] } },
    status: 400,
    message: /^topics\[0\]\.count: /,
  },
  {
    name: 'a config to alter in no way that is said',
    request: {
      path: '/v1/alter-configs',
      body: { resources: [{ resourceType: 2, resourceName: 'a', configs: [{ name: 'retention.ms' }] }] },
    },
    status: 400,
    message: /^resources\[0\]\.configs\[0\]\.configOperation: /,
  },
  {
    name: 'configs of one topic to alter twice',
    request: {
      path: '/v1/alter-configs',
      body: { resources: [1, 2].map(() => ({ resourceType: 2, resourceName: 'a', configs: [] })) },
    },
    status: 400,
    message: /resource stands in the request twice resource=2:a/,
  },
  {
    name: 'a field where none is',
    request: { path: '/v1/describe-cluster', body: { a: 1 } },
    status: 400,
    message: 'a: unknown field',
  },
]

const framed = (bytes: Uint8Array): TestRequest => produce(bytes, { 'content-type': FRAME })
const frames: Refusal[] = [
  { name: 'an empty frame', request: framed(Buffer.alloc(0)), status: 400, code: 40002, message: /frame/ },
  {
    name: 'a frame that is cut off in its header',
    request: framed(frameOf(produceOf({ byteLength: 0 })).subarray(0, -1)),
    status: 400,
    message: /frame/,
  },
  {
    name: 'a frame whose header is too long',
    request: framed(Buffer.from([0, 16, 0, 1, 0])),
    status: 400,
    message: /max=1048576/,
  },
  {
    name: 'a frame whose header is not JSON',
    request: framed(Buffer.from([0, 0, 0, 1, 0x7b])),
    status: 400,
    message: /JSON/,
  },
  {
    name: 'a frame with records in its header',
    request: framed(frameOf(produceOf({ records: '' }))),
    status: 400,
    message: /byteLength/,
  },
  {
    name: 'a frame with too few bytes',
    request: framed(frameOf(produceOf({ byteLength: 80 }), batch(1).subarray(1))),
    status: 400,
    message: /byteLength: /,
  },
  {
    name: 'a frame with too many bytes',
    request: framed(frameOf(produceOf({ byteLength: 1 }), batch(1))),
    status: 400,
    message: /byteLength: /,
  },
]

const large = Buffer.from(batch(2 * MIB - 100))
const tooMuch: Refusal[] = [
  {
    name: 'batches in a compressed frame of more than 4 MiB in sum',
    request: produce(
      gzipSync(
        frameOf(
          {
            topics: [
              {
                name: 'refused',
                partitions: [0, 1, 2].map((partitionIndex) => ({ partitionIndex, byteLength: large.length })),
              },
            ],
          },
          large,
          large,
          large,
        ),
      ),
      { 'content-type': FRAME, 'content-encoding': 'gzip' },
    ),
    status: 413,
    error: 'MESSAGE_TOO_LARGE',
    message: /max=4194304/,
  },
  {
    name: 'batches in compressed JSON of more than 4 MiB in sum',
    request: produce(
      gzipSync(
        JSON.stringify({
          topics: [
            {
              name: 'refused',
              partitions: [0, 1, 2].map((partitionIndex) => ({
                partitionIndex,
                records: [{ value: large.toString('base64') }],
              })),
            },
          ],
        }),
      ),
      { 'content-encoding': 'gzip' },
    ),
    status: 413,
    error: 'MESSAGE_TOO_LARGE',
    message: /max=4194304/,
  },
]

const restForms: Refusal[] = [
  { name: 'REST without a body', request: rest(''), status: 422, message: 'body: is empty' },
  { name: 'REST that is not JSON', request: rest('{'), status: 422, message: /^body: is not JSON/ },
  {
    name: 'REST with an unknown field',
    request: rest({ records: [{ value: 1, ke: 1 }] }),
    status: 422,
    message: 'records[0].ke: unknown field',
  },
  {
    name: 'REST with nothing to write',
    request: rest({ records: [] }),
    status: 422,
    message: 'records: nothing to write',
  },
  {
    name: 'a bad line after good ones',
    request: rest('1\n2\nthree\n', { 'content-type': 'application/x-ndjson' }),
    status: 422,
    message: /^line 3: is not JSON/,
  },
  {
    name: 'a topic that no topic can be named',
    request: { path: '/topics/a%2Fb', body: [1] },
    status: 400,
    code: 40002,
    error: 'INVALID_TOPIC_EXCEPTION',
    message: /a\/b/,
  },
  {
    name: 'an unknown topic',
    request: { path: '/topics/missing' },
    status: 404,
    code: 40401,
    error: 'UNKNOWN_TOPIC_OR_PARTITION',
    message: /missing/,
  },
  {
    name: 'a partition above 0 of an unknown topic',
    request: { path: '/topics/missing/partitions/1', body: [1] },
    status: 404,
    code: 40401,
    error: 'UNKNOWN_TOPIC_OR_PARTITION',
    message: /missing/,
  },
  {
    name: 'a partition that is no number',
    request: { path: '/topics/missing/partitions/one/offsets' },
    status: 404,
    error: 'UNKNOWN_TOPIC_OR_PARTITION',
    message: 'no partition has such a number partition=one',
  },
  {
    name: 'records from nowhere',
    request: { path: '/topics/a/partitions/0/records' },
    status: 422,
    message: 'offset: is required',
  },
  ...[
    'offset=x',
    'offset=',
    'offset=1e3',
    'offset=99999999999999999',
    'offset=0&timeout=-1',
    'offset=0&max_bytes=a',
    'offset=0&leader_epoch=-2',
  ].map((query) => ({
    name: `records with ${query}`,
    request: { path: `/topics/a/partitions/0/records?${query}` },
    status: 422,
    message: /^(offset|timeout|max_bytes|leader_epoch): must be an integer( of -?\d+ to \d+)?$/,
  })),
]

test.each([...access, ...paths, ...sizesAndTypes, ...forms, ...frames, ...tooMuch, ...restForms])(
  'refuses $name',
  async ({ request, status, code, error, message }) => {
    const answer = await service.send(request)
    expect(answer.json).toEqual({
      error_code:
        code ??
        (status === 400 ? 40002 : status === 404 && error !== undefined ? expect.any(Number) : status),
      message: typeof message === 'string' ? message : expect.stringMatching(message),
      kafka_error: error ?? 'INVALID_REQUEST',
      retriable: expect.any(Boolean),
      effect: 'none',
      request_id: answer.headers['X-Request-Id'],
    })
    expect(answer.status).toBe(status)
    expect((await service.send({ path: '/topics' })).json).toEqual([])
  },
)
