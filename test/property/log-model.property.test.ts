import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Head } from '../../shared/core/head.ts'
import { producerKey } from '../../shared/core/producer-state.ts'
import { deleteTopics } from '../../shared/service/delete-topics.ts'
import { encodeSpilledProducer } from '../../shared/store/items/producer-item.ts'
import { partitionPk, producerStateKey } from '../../shared/store/keys.ts'
import {
  endOf,
  type LogModel,
  modelFetch,
  modelList,
  modelProduce,
  newLogModel,
} from '../support/log-model.ts'
import {
  batchOf,
  createTopic,
  errorOf,
  fetchOne,
  listOne,
  type Produced,
  produceOne,
  seen,
  TOPIC,
} from '../support/log-requests.ts'
import { brokenInvariants } from '../support/partition-invariants.ts'
import { otherEnvironment, type TestDeps, TINY_LIMITS, testDeps } from '../support/test-deps.ts'

/** How a sequence stands to what its producer wrote before. */
const STANDINGS = ['next', 'again', 'older', 'gap', 'overlap', 'fenced', 'bump', 'bump wrong'] as const

const timestamps = fc.array(fc.nat(9), { minLength: 1, maxLength: 3 })
const action = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({ does: fc.constant('produce' as const), timestamps, acks: fc.constantFrom(-1, 1) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      does: fc.constant('sequenced' as const),
      timestamps,
      producerId: fc.constantFrom(0, 1, 2, 3, 4, 5),
      standing: fc.oneof(
        { weight: 4, arbitrary: fc.constant('next' as const) },
        fc.constantFrom(...STANDINGS),
      ),
      pick: fc.nat(20),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      does: fc.constant('fetch' as const),
      at: fc.nat(99),
      maxBytes: fc.constantFrom(0, 150, 400, 9999),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ does: fc.constant('list' as const), timestamp: fc.integer({ min: -3, max: 10 }) }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('recreate' as const) }) },
)
type Action = typeof action extends fc.Arbitrary<infer A> ? A : never

/** The producer that stands just before the wrap of its sequences. */
const WRAPPING = 5
const BEFORE_WRAP = { producerEpoch: 0, nextSequence: 2 ** 31 - 3 }

interface Run {
  readonly deps: TestDeps
  readonly environments: readonly TestDeps[]
  topicId: string
  model: LogModel
  before: Head | undefined
}

test('a partition answers as the model of it does, whatever is asked of it, and stays sound', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(action, fc.nat(1)), { minLength: 5, maxLength: 60, size: 'max' }),
      async (steps) => {
        const deps = await testDeps({
          limits: { ...TINY_LIMITS, maxDuplicatePages: 100, earlyArrivalMs: 40 },
        })
        const environments = [deps, otherEnvironment(deps)]
        const run: Run = { deps, environments, topicId: '', model: newLogModel(), before: undefined }
        await begin(run)
        for (const [position, [next, environment]] of steps.entries()) {
          await take(run, environments[environment] ?? deps, next, `v${position}`)
          const { broken, stored } = await brokenInvariants(deps, run.topicId, run.before)
          expect(broken).toEqual([])
          expect(stored.batches.map(({ baseOffset }) => baseOffset)).toEqual(
            run.model.batches.map(({ baseOffset }) => baseOffset),
          )
          run.before = stored.head
        }
      },
    ),
    { numRuns: 60 },
  )
})

/** A new topic with one record, and a producer just before the wrap that was moved out of the head long ago. */
async function begin(run: Run): Promise<void> {
  run.topicId = await createTopic(run.deps)
  run.model = newLogModel(new Map([[WRAPPING, BEFORE_WRAP]]))
  run.before = undefined
  const item = encodeSpilledProducer({
    state: BEFORE_WRAP,
    lastBaseOffset: 0,
    leaderEpoch: 0,
    spilledAtMs: 0,
  })
  const key = producerStateKey(partitionPk(run.topicId, 0), producerKey(WRAPPING))
  await run.deps.documents.put(key, item, 'absent')
  await produced(run, run.deps, { timestamps: [0], value: 'first', sequence: undefined }, -1)
}

async function take(run: Run, deps: TestDeps, next: Action, value: string): Promise<void> {
  const { model } = run
  switch (next.does) {
    case 'produce':
      return produced(run, deps, { timestamps: next.timestamps, value, sequence: undefined }, next.acks)
    case 'sequenced':
      return produced(run, deps, { ...sequenced(model, next), value }, -1)
    case 'fetch': {
      const offset = (next.at % (endOf(model) + 3)) - 1
      const row = await fetchOne(deps, offset, { partitionMaxBytes: next.maxBytes })
      if (offset < 0 || offset > endOf(model)) return expect(errorOf(row)).toBe('OFFSET_OUT_OF_RANGE')
      const expected = modelFetch(model, offset, next.maxBytes)
      expect(seen(row.batches)).toMatchObject(
        expected.map(({ baseOffset, value, timestamps }) => ({
          baseOffset,
          value,
          recordCount: timestamps.length,
        })),
      )
      const last = expected.at(-1)
      const nextOffset = last === undefined ? offset : last.baseOffset + last.timestamps.length
      return expect(row).toMatchObject({ errorCode: 0, nextOffset, highWatermark: endOf(model) })
    }
    case 'list': {
      const row = await listOne(deps, next.timestamp)
      if (next.timestamp === -2) return expect(row).toMatchObject({ errorCode: 0, offset: 0 })
      if (next.timestamp === -1) return expect(row).toMatchObject({ errorCode: 0, offset: endOf(model) })
      return expect(row).toMatchObject({ errorCode: 0, ...modelList(model, next.timestamp) })
    }
    case 'recreate':
      await deleteTopics(deps, { topics: [{ name: TOPIC }] })
      return begin(run)
  }
}

type Sequenced = Extract<Action, { does: 'sequenced' }>
type Batch = Omit<Parameters<typeof modelProduce>[1], 'bytes'>

/** The batch that stands so to what its producer wrote before. */
function sequenced(
  model: LogModel,
  { producerId, standing, pick, timestamps }: Sequenced,
): Omit<Batch, 'value'> {
  const { producerEpoch, nextSequence } = model.producers.get(producerId) ?? {
    producerEpoch: 1,
    nextSequence: 0,
  }
  const own = model.batches.filter(({ sequence }) => sequence?.producerId === producerId)
  const at = (baseSequence: number, epoch = producerEpoch) => ({
    timestamps,
    sequence: { producerId, producerEpoch: epoch, baseSequence },
  })
  switch (standing) {
    case 'next':
      return at(nextSequence)
    case 'again':
      return own.at(-1) ?? at(0)
    case 'older':
      return own[pick % Math.max(1, own.length)] ?? at(0)
    case 'gap':
      return at((nextSequence + 1 + pick) % 2 ** 31)
    case 'overlap':
      return at(Math.max(0, nextSequence - 1))
    case 'fenced':
      return at(nextSequence, Math.max(0, producerEpoch - 1))
    case 'bump':
      return at(0, producerEpoch + 1)
    case 'bump wrong':
      return at((nextSequence + 1) % 2 ** 31, producerEpoch + 1)
  }
}

async function produced(run: Run, deps: TestDeps, batch: Batch, acks: number): Promise<void> {
  const bytes = batchOf(batch.timestamps.length, {
    value: batch.value,
    timestamps: batch.timestamps,
    ...(batch.sequence === undefined ? {} : { producer: batch.sequence }),
  })
  let answer: Produced = await produceOne(deps, bytes, { acks })
  // An environment may have remembered the topic that is gone; it says so once, and has forgotten it then.
  if (answer.errorName === 'UNKNOWN_TOPIC_OR_PARTITION') answer = await produceOne(deps, bytes, { acks })
  const expected = modelProduce(run.model, { ...batch, bytes: bytes.length })
  expect({ errorName: answer.errorName, baseOffset: answer.baseOffset }).toEqual(expected)
}
