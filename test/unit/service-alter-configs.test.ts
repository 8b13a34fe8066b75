import { describe, expect, test } from 'vitest'
import { fence } from '../../shared/core/election.ts'
import { alterConfigsRequest, TOPIC_RESOURCE } from '../../shared/protocol/api/configs.ts'
import { alterConfigs } from '../../shared/service/alter-configs.ts'
import { controllerTick } from '../../shared/service/controller.ts'
import { deleteTopics } from '../../shared/service/delete-topics.ts'
import { describeConfigs } from '../../shared/service/describe-configs.ts'
import { updateHead } from '../../shared/service/heads.ts'
import { readTopic } from '../../shared/service/topics.ts'
import { changeHead, isHeadUpdate, isTopicUpdate, runBefore } from '../support/calls.ts'
import { batchOf, createTopic, errorOf, produceOne, TOPIC } from '../support/log-requests.ts'
import { asTimePasses } from '../support/node-troubles.ts'
import { storedHead } from '../support/partition-invariants.ts'
import { otherEnvironment, type TestDeps, testDeps } from '../support/test-deps.ts'

interface Change {
  readonly name: string
  readonly configOperation?: number
  readonly value?: string | null
}

/** Alters configs of one topic; operation 0 unless a change says otherwise. */
async function alter(deps: TestDeps, changes: readonly Change[], more: object = {}) {
  const configs = changes.map((change) => ({ configOperation: 0, ...change }))
  const resource = { resourceType: TOPIC_RESOURCE, resourceName: TOPIC, configs }
  const { responses } = await alterConfigs(
    deps,
    alterConfigsRequest.parse({ resources: [resource], ...more }),
  )
  return responses[0] ?? {}
}
const setMinInsync = (deps: TestDeps, value: string) => alter(deps, [{ name: 'min.insync.replicas', value }])

/** The configs that are set on the topic itself. */
async function overrides(deps: TestDeps): Promise<Record<string, string>> {
  const resources = [{ resourceType: TOPIC_RESOURCE, resourceName: TOPIC, configurationKeys: null }]
  const { results } = await describeConfigs(deps, { resources })
  const own = results[0]?.configs.filter(({ configSource }) => configSource === 1) ?? []
  return Object.fromEntries(own.map(({ name, value }) => [name, value]))
}
const minIsrs = async (deps: TestDeps, topicId: string) =>
  Promise.all([0, 1, 2].map(async (partition) => (await storedHead(deps, topicId, partition)).minIsr))

async function topicOfThree(configs: Readonly<Record<string, string>> = {}) {
  const deps = await testDeps()
  const topicId = await createTopic(deps, TOPIC, { partitions: 3, configs })
  deps.documents.faults.calls.length = 0
  return { deps, topicId }
}

describe('altering configs', () => {
  test('sets and deletes what is named, and nothing else', async () => {
    const { deps } = await topicOfThree({
      'retention.ms': '1',
      'segment.ms': '2',
      'cleanup.policy': 'compact',
    })
    const row = await alter(deps, [
      { name: 'retention.ms', value: '5' },
      { name: 'segment.ms', configOperation: 1 },
      { name: 'flush.ms', configOperation: 1, value: 'ignored' },
      { name: 'segment.bytes', value: '2000000' },
    ])
    expect(row).toEqual({ errorCode: 0, resourceType: 2, resourceName: TOPIC })
    expect(await overrides(deps)).toEqual({
      'retention.ms': '5',
      'cleanup.policy': 'compact',
      'segment.bytes': '2000000',
    })
    expect(deps.documents.faults.calls.filter(isHeadUpdate)).toEqual([])
  })

  test.each<{ name: string; changes: readonly Change[]; more?: object; error: string }>([
    { name: 'an unknown config', changes: [{ name: 'retention', value: '1' }], error: 'INVALID_CONFIG' },
    {
      name: 'an unknown config to delete',
      changes: [{ name: 'retention', configOperation: 1 }],
      error: 'INVALID_CONFIG',
    },
    {
      name: 'a value it cannot have',
      changes: [{ name: 'retention.ms', value: '-2' }],
      error: 'INVALID_CONFIG',
    },
    { name: 'null', changes: [{ name: 'retention.ms', value: null }], error: 'INVALID_REQUEST' },
    {
      name: 'the same config twice',
      changes: [
        { name: 'retention.ms', value: '1' },
        { name: 'retention.ms', configOperation: 1 },
      ],
      error: 'INVALID_REQUEST',
    },
    {
      name: 'an append',
      changes: [{ name: 'cleanup.policy', configOperation: 2, value: 'compact' }],
      error: 'INVALID_CONFIG',
    },
    {
      name: 'a subtraction',
      changes: [{ name: 'cleanup.policy', configOperation: 3, value: 'delete' }],
      error: 'INVALID_CONFIG',
    },
    {
      name: 'another operation',
      changes: [{ name: 'cleanup.policy', configOperation: 4, value: 'delete' }],
      error: 'INVALID_REQUEST',
    },
    {
      name: 'one bad change among good ones',
      changes: [
        { name: 'segment.ms', value: '1' },
        { name: 'retention.ms', value: 'x' },
      ],
      error: 'INVALID_CONFIG',
    },
  ])('is refused for $name, asked only or not, and changes nothing', async ({ changes, error }) => {
    const { deps } = await topicOfThree({ 'retention.ms': '7' })
    for (const validateOnly of [true, false]) {
      expect(await alter(deps, changes, { validateOnly })).toMatchObject({ errorName: error, effect: 'none' })
    }
    expect(await overrides(deps)).toEqual({ 'retention.ms': '7' })
  })

  test.each([
    { resourceType: 2, resourceName: 'nowhere', error: 'UNKNOWN_TOPIC_OR_PARTITION' },
    { resourceType: 2, resourceName: 'a b', error: 'INVALID_TOPIC_EXCEPTION' },
    { resourceType: 4, resourceName: '', error: 'INVALID_REQUEST', message: /the cluster \(4\)/ },
    { resourceType: 8, resourceName: TOPIC, error: 'INVALID_REQUEST', message: /resourceType=8/ },
  ])('is refused for resource $resourceType "$resourceName"', async ({ error, message, ...resource }) => {
    const { deps } = await topicOfThree()
    const configs = [{ name: 'retention.ms', configOperation: 0, value: '1' }]
    const request = { resources: [{ ...resource, configs }], validateOnly: false }
    const { responses } = await alterConfigs(deps, request)
    expect(responses).toMatchObject([{ ...resource, errorName: error }])
    if (message !== undefined)
      expect(responses).toMatchObject([{ errorMessage: expect.stringMatching(message) }])
  })

  test('is refused as a whole where a resource stands twice', async () => {
    const { deps } = await topicOfThree()
    const resource = { resourceType: 2, resourceName: TOPIC, configs: [] }
    const request = { resources: [resource, resource], validateOnly: false }
    await expect(alterConfigs(deps, request)).rejects.toMatchObject({ errorName: 'INVALID_REQUEST' })
  })

  test('asked only, changes nothing', async () => {
    const { deps } = await topicOfThree()
    const changes = [{ name: 'min.insync.replicas', value: '3' }]
    expect(await alter(deps, changes, { validateOnly: true })).toMatchObject({ errorCode: 0 })
    expect(deps.documents.faults.calls.every(({ method }) => method === 'get')).toBe(true)
  })

  test('of two at once keeps both', async () => {
    const { deps } = await topicOfThree()
    deps.documents.faults.once(
      isTopicUpdate,
      runBefore(() => alter(otherEnvironment(deps), [{ name: 'retention.ms', value: '1' }])),
    )
    await alter(deps, [{ name: 'segment.ms', value: '2' }])
    expect(await overrides(deps)).toEqual({ 'retention.ms': '1', 'segment.ms': '2' })
  })

  test('never brings back a topic that is deleted meanwhile', async () => {
    const { deps } = await topicOfThree()
    deps.documents.faults.once(
      isTopicUpdate,
      runBefore(() => deleteTopics(otherEnvironment(deps), { topics: [{ name: TOPIC }] })),
    )
    const row = await alter(deps, [{ name: 'segment.ms', value: '2' }])
    expect(row).toMatchObject({ errorName: 'UNKNOWN_TOPIC_OR_PARTITION', effect: 'none' })
    expect(await deps.documents.store.get({ pk: 'TOPICS', sk: TOPIC }, 'strong')).toBeUndefined()
  })

  test('is seen here at once, and elsewhere when the topic is read again', async () => {
    const { deps } = await topicOfThree()
    const other = otherEnvironment(deps)
    await produceOne(deps, batchOf(1))
    await produceOne(other, batchOf(1))
    await alter(deps, [{ name: 'max.message.bytes', value: '1' }])
    expect(await produceOne(deps, batchOf(1))).toMatchObject({ errorName: 'MESSAGE_TOO_LARGE' })
    expect(await produceOne(other, batchOf(1))).toMatchObject({ errorName: undefined })
    deps.clock.set(deps.clock.nowMs() + deps.limits.topicCacheMs)
    expect(await produceOne(other, batchOf(1))).toMatchObject({ errorName: 'MESSAGE_TOO_LARGE' })
  })
})

test('a topic made anew meanwhile, at the same version, has its own configs changed', async () => {
  const { deps } = await topicOfThree({ 'retention.ms': '7' })
  let again = ''
  deps.documents.faults.once(
    isTopicUpdate,
    runBefore(async () => {
      const other = otherEnvironment(deps)
      await deleteTopics(other, { topics: [{ name: TOPIC }] })
      again = await createTopic(other, TOPIC, { configs: { 'flush.ms': '9' } })
    }),
  )
  expect(await alter(deps, [{ name: 'segment.ms', value: '2' }])).toMatchObject({ errorCode: 0 })
  expect(await deps.documents.store.get({ pk: 'TOPICS', sk: TOPIC }, 'strong')).toMatchObject({
    topicId: again,
    configs: { 'flush.ms': '9', 'segment.ms': '2' },
  })
})

describe('altering min.insync.replicas', () => {
  test('reaches every head with a new partition epoch, at most the replication factor', async () => {
    const { deps, topicId } = await topicOfThree()
    expect(await setMinInsync(deps, '9')).toMatchObject({ errorCode: 0 })
    expect(await minIsrs(deps, topicId)).toEqual([3, 3, 3])
    expect((await storedHead(deps, topicId)).partitionEpoch).toBe(1)
    await alter(deps, [{ name: 'min.insync.replicas', configOperation: 1 }])
    expect(await minIsrs(deps, topicId)).toEqual([2, 2, 2])
  })

  test('to what it comes to already leaves the heads alone', async () => {
    const { deps, topicId } = await topicOfThree({ 'min.insync.replicas': '3' })
    await setMinInsync(deps, '4')
    expect(await overrides(deps)).toEqual({ 'min.insync.replicas': '4' })
    expect((await storedHead(deps, topicId)).partitionEpoch).toBe(0)
  })

  test('is tried again with a head that moved meanwhile', async () => {
    const { deps, topicId } = await topicOfThree()
    deps.documents.faults.once(
      isHeadUpdate,
      runBefore(() => changeHead(deps, topicId, { partitionEpoch: 5, leaderEpoch: 2 })),
    )
    expect(await setMinInsync(deps, '1')).toMatchObject({ errorCode: 0 })
    expect(await minIsrs(deps, topicId)).toEqual([1, 1, 1])
  })

  test('is told where a partition without a leader has it not, and asking again finishes', async () => {
    const { deps, topicId } = await topicOfThree()
    const { leader } = await storedHead(deps, topicId)
    await changeHead(deps, topicId, { leader: undefined })
    expect(await setMinInsync(deps, '1')).toMatchObject({
      errorName: 'REQUEST_TIMED_OUT',
      errorMessage: expect.stringMatching(/config is stored, not all partitions have it yet/),
      retriable: true,
      effect: 'unknown',
    })
    expect(await overrides(deps)).toEqual({ 'min.insync.replicas': '1' })
    expect(await minIsrs(deps, topicId)).toEqual([2, 1, 1])
    await changeHead(deps, topicId, { leader })
    expect(await setMinInsync(deps, '1')).toMatchObject({ errorCode: 0 })
    expect(await minIsrs(deps, topicId)).toEqual([1, 1, 1])
  })

  test('killed after any number of steps is finished when asked again, and never said to be done before', async () => {
    for (let position = 0; ; position += 1) {
      const { deps, topicId } = await topicOfThree()
      let calls = 0
      deps.documents.faults.always(({ method }) => {
        calls += 1
        if (calls <= position) return undefined
        return method === 'get' ? { fault: 'throttled' } : { fault: 'callLost' }
      })
      const row = await setMinInsync(deps, '1')
      deps.documents.faults.always(undefined)
      const stored = (await overrides(deps))['min.insync.replicas'] === '1'
      if (stored && errorOf(row) !== undefined) expect(row).toMatchObject({ effect: 'unknown' })
      if (errorOf(row) === undefined) {
        expect(await minIsrs(deps, topicId)).toEqual([1, 1, 1])
        return expect(position).toBeGreaterThan(8)
      }
      expect(await setMinInsync(deps, '1')).toMatchObject({ errorCode: 0 })
      expect(await minIsrs(deps, topicId)).toEqual([1, 1, 1])
    }
  })

  test('of two at once ends with what is stored, whichever step of one the other comes before', async () => {
    for (let position = 0; ; position += 1) {
      const { deps, topicId } = await topicOfThree()
      let calls = 0
      let cameBefore = false
      deps.documents.faults.always(() => {
        calls += 1
        if (calls !== position + 1) return undefined
        return {
          fault: 'before',
          run: async () => {
            cameBefore = true
            expect(await setMinInsync(otherEnvironment(deps), '3')).toMatchObject({ errorCode: 0 })
          },
        }
      })
      expect(await setMinInsync(deps, '1')).toMatchObject({ errorCode: 0 })
      deps.documents.faults.always(undefined)
      const stored = Number((await overrides(deps))['min.insync.replicas'])
      expect(await minIsrs(deps, topicId)).toEqual([stored, stored, stored])
      if (!cameBefore) return expect(position).toBeGreaterThan(8)
    }
  })

  test('by one that slept while another one was answered is undone by the controller, at whatever step it dies', async () => {
    for (let position = 0; ; position += 1) {
      const { deps, topicId } = await topicOfThree()
      const others = otherEnvironment(deps)
      let slept: 'not yet' | 'sleeps' | 'woke up' = 'not yet'
      let calls = 0
      const sleep = async () => {
        slept = 'sleeps'
        expect(await setMinInsync(others, '2')).toMatchObject({ errorCode: 0 })
        slept = 'woke up'
      }
      deps.documents.faults.always((call) => {
        if (slept === 'not yet' && isHeadUpdate(call)) return runBefore(sleep)
        if (slept === 'woke up') calls += 1
        if (calls <= position) return undefined
        return call.method === 'get' ? { fault: 'throttled' } : { fault: 'callLost' }
      })
      await setMinInsync(deps, '1')
      deps.documents.faults.always(undefined)
      await asTimePasses(deps, controllerTick(deps))
      expect(await minIsrs(deps, topicId)).toEqual([2, 2, 2])
      for (const partition of [0, 1, 2]) {
        expect((await storedHead(deps, topicId, partition)).dueAtMs).toBeUndefined()
      }
      if (calls < position) return expect(position).toBeGreaterThan(6)
    }
  })

  test('while a partition has no leader reaches it with its next one', async () => {
    const { deps, topicId } = await topicOfThree()
    const partition = { topic: await readTopic(deps, TOPIC), partitionIndex: 1 }
    await updateHead(deps, partition, fence(await storedHead(deps, topicId, 1), deps.clock.nowMs()))
    expect(await setMinInsync(deps, '1')).toMatchObject({ errorName: 'REQUEST_TIMED_OUT' })
    await asTimePasses(deps, controllerTick(deps))
    expect(await minIsrs(deps, topicId)).toEqual([1, 1, 1])
  })

  test.each([
    { name: 'another one', minIsr: 1 },
    { name: 'what it is altered to', minIsr: 3 },
  ])(
    'of a head that has $name ends with what is stored, whichever step of the controller it comes before',
    async ({ minIsr }) => {
      for (let position = 0; ; position += 1) {
        const { deps, topicId } = await topicOfThree()
        await changeHead(deps, topicId, { minIsr, dueAtMs: 1 })
        let calls = 0
        let cameBefore = false
        deps.documents.faults.always(() => {
          calls += 1
          if (calls !== position + 1) return undefined
          return runBefore(async () => {
            cameBefore = true
            expect(await setMinInsync(otherEnvironment(deps), '3')).toMatchObject({ errorCode: 0 })
          })
        })
        await asTimePasses(deps, controllerTick(deps))
        deps.documents.faults.always(undefined)
        await asTimePasses(deps, controllerTick(deps))
        const wanted = cameBefore ? 3 : 2
        expect(await minIsrs(deps, topicId)).toEqual([wanted, wanted, wanted])
        if (!cameBefore) return expect(position).toBeGreaterThan(15)
      }
    },
  )
})
