import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { decodeBatch, splitBatches } from '../../shared/protocol/decode-batch.ts'
import { encodeBatch } from '../../shared/protocol/encode-batch.ts'
import { errorRow, KafkaError } from '../../shared/protocol/kafka-error.ts'
import { MAX_DECOMPRESSED_BYTES } from '../../shared/protocol/limits.ts'
import { fetch } from '../../shared/service/fetch.ts'
import { listOffsets } from '../../shared/service/list-offsets.ts'
import { produce } from '../../shared/service/produce.ts'
import type { Cluster, Environment } from './cluster.ts'
import type { Key, Operation, Place } from './history.ts'

/** The topic of a run. */
export interface Topic {
  readonly name: string
  readonly topicId: string
  readonly partitions: number
}

/** All clients of a run, and what they did and saw so far. */
export interface Clients {
  readonly operations: Operation[]
  readonly told: Set<Key>
  /** Errors that no fault explains. */
  readonly surprises: string[]
  /** Runs until `isOver`; resolves when each client's last operation has ended. */
  run(isOver: () => boolean): Promise<void>
  /** Reads a key from its log start to its end with a fresh consumer, through a healthy service. */
  readAll(partition: number): Promise<ReadonlyMap<number, string>>
}

/** The longest a client waits for one try, and how often an idempotent producer sends a batch. */
const CLIENT_TIMEOUT_MS = 25_000
const MAX_TRIES = 12

/** What a handler that gave no answer left its client with. */
const NO_ANSWER = Symbol('no answer')

export function newClients(cluster: Cluster, topic: Topic): Clients {
  const { configuration, scheduler } = cluster
  const { random } = scheduler
  const operations: Operation[] = []
  const told = new Set<Key>()
  const surprises: string[] = []
  let values = 0
  let processes = 0
  let producerIds = 1000

  const newProcess = () => {
    processes += 1
    return `p${processes}`
  }
  const keyOf = (partition: number): Key => `${topic.topicId}/${partition}`
  const environment = (): Environment =>
    scheduler.pick(cluster.environments as [Environment, ...Environment[]])
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      scheduler.after(ms, 'client pause', resolve)
    })

  /** What a handler answers, or NO_ANSWER when it crashed, or takes too long. */
  const ask = <T>(
    what: string,
    run: (deps: Environment['deps']) => Promise<T>,
  ): Promise<T | typeof NO_ANSWER> =>
    new Promise((resolve, reject) => {
      const on = environment()
      const event = scheduler.after(CLIENT_TIMEOUT_MS, `${what} client timeout`, () => resolve(NO_ANSWER))
      run(on.deps).then(
        (answer) => {
          event.cancelled = true
          resolve(answer)
        },
        (error: unknown) => {
          event.cancelled = true
          reject(error)
        },
      )
    })

  const begin = (operation: Omit<Operation, 'invokedAt' | 'completedAt' | 'type'>): Operation => {
    const begun: Operation = {
      ...operation,
      invokedAt: scheduler.steps(),
      completedAt: Number.MAX_SAFE_INTEGER,
      type: 'info',
    }
    operations.push(begun)
    return begun
  }
  const end = (operation: Operation, type: Operation['type']) => {
    operation.completedAt = scheduler.steps()
    operation.type = type
    cluster.count(`${operation.f} ${type}`)
  }

  const newValues = (): Place[] =>
    Array.from({ length: random.integer(1, 3) }, () => {
      values += 1
      return [null, `v${values}`]
    })

  const producer = async (isOver: () => boolean) => {
    const isIdempotent = random.integer(1, 3) > 1
    const acks = ([-1, -1, -1, 1, 0] as const)[random.integer(0, 4)] ?? -1
    let process = newProcess()
    let producerId = producerIds++
    const nextSequence = new Map<number, number>()
    while (!isOver()) {
      const partition = random.integer(0, topic.partitions - 1)
      const sent = newValues()
      const baseSequence = nextSequence.get(partition) ?? 0
      const operation = begin({ process, f: 'send', key: keyOf(partition), acks, isIdempotent, values: sent })
      const records = sent.map(([, value]) => ({
        key: null,
        value: new TextEncoder().encode(value),
        headers: [],
        timestamp: scheduler.nowMs(),
      }))
      const batch = encodeBatch({
        records,
        compression: 'none',
        codecs: nodeCodecs,
        ...(isIdempotent ? { producer: { producerId, producerEpoch: 0, baseSequence } } : {}),
      })
      const outcome = await send({ partition, batch, acks, tries: isIdempotent ? MAX_TRIES : 1 })
      if (outcome.type === 'ok') {
        const { baseOffset } = outcome
        operation.values = sent.map(([, value], at) => [
          baseOffset === undefined ? null : baseOffset + at,
          value,
        ])
        nextSequence.set(partition, baseSequence + sent.length)
      }
      if (outcome.errorName !== undefined) operation.error = outcome.errorName
      end(operation, outcome.type)
      if (outcome.type !== 'ok' && isIdempotent) {
        producerId = producerIds++
        nextSequence.clear()
      }
      if (outcome.type === 'info') process = newProcess()
      await pause(random.integer(1, 120))
    }
  }

  interface Outcome {
    readonly type: Operation['type']
    readonly baseOffset?: number | undefined
    readonly errorName?: string
  }

  const send = async (what: {
    partition: number
    batch: Uint8Array
    acks: -1 | 0 | 1
    tries: number
  }): Promise<Outcome> => {
    const { partition, batch, acks, tries } = what
    let inDoubt = false
    let last = 'NO_ANSWER'
    for (let tried = 0; tried < tries; tried += 1) {
      const answer = await produceOnce(partition, batch, acks)
      if (answer === NO_ANSWER) {
        inDoubt = true
      } else if (answer.errorName === undefined) {
        return { type: 'ok', baseOffset: acks === 0 ? undefined : answer.baseOffset }
      } else if (answer.errorName === 'DUPLICATE_SEQUENCE_NUMBER') {
        return { type: 'ok' }
      } else {
        last = answer.errorName
        if (answer.effect === 'unknown') inDoubt = true
        if (
          !EXPECTED.has(answer.errorName) &&
          !(MAY_GAP.has(answer.errorName) && (acks !== -1 || configuration.unclean))
        ) {
          surprises.push(`produce answered ${answer.errorName}: ${answer.message}`)
        }
        if (!answer.retriable) break
      }
      await pause(random.integer(50, 600))
    }
    return { type: inDoubt ? 'info' : 'fail', errorName: last }
  }

  const produceOnce = async (partitionIndex: number, batch: Uint8Array, acks: -1 | 0 | 1) => {
    const topics = [{ name: topic.name, partitions: [{ partitionIndex, batch }] }]
    const answer = await orThrown(() =>
      ask('produce', (deps) => produce(deps, { acks, timeoutMs: 5000, transactionalId: null, topics })),
    )
    if (answer === NO_ANSWER) return NO_ANSWER
    const row = 'thrown' in answer ? answer.thrown : answer.topics[0]?.partitions[0]
    if (row === undefined) throw new Error('answer without a row')
    if ('errorName' in row) {
      const { errorName, errorMessage: message, effect, retriable } = row
      return { errorName, message, effect, retriable, baseOffset: -1 }
    }
    return {
      errorName: undefined,
      message: '',
      effect: undefined,
      retriable: false,
      baseOffset: row.baseOffset,
    }
  }

  const consumer = async (isOver: () => boolean) => {
    let process = newProcess()
    const partition = random.integer(0, topic.partitions - 1)
    const key = keyOf(partition)
    let position = { offset: 0, epoch: -1 }
    while (!isOver()) {
      if (random.integer(1, 6) === 1) await askEnd(process, partition)
      const operation = begin({
        process,
        f: 'poll',
        key,
        acks: -1,
        isIdempotent: false,
        values: [],
        from: position.offset,
      })
      const answer = await orThrown(() =>
        ask('fetch', (deps) => fetch(deps, fetchRequest(partition, position))),
      )
      const row =
        answer === NO_ANSWER
          ? undefined
          : 'thrown' in answer
            ? answer.thrown
            : answer.topics[0]?.partitions[0]
      if (row === undefined || 'errorName' in row) {
        if (row !== undefined) operation.error = row.errorName
        end(operation, row === undefined ? 'info' : 'fail')
        if (row === undefined) process = newProcess()
        if (row?.errorName === 'OFFSET_OUT_OF_RANGE') {
          told.add(key)
          if (!configuration.unclean)
            surprises.push(`fetch answered OFFSET_OUT_OF_RANGE at ${position.offset}`)
          position = { offset: 0, epoch: -1 }
          process = newProcess()
        }
      } else if (row.divergingEpoch !== undefined) {
        told.add(key)
        end(operation, 'fail')
        if (!configuration.unclean)
          surprises.push(`fetch diverges at ${position.offset} ${JSON.stringify(row.divergingEpoch)}`)
        position = { offset: row.divergingEpoch.endOffset, epoch: -1 }
        process = newProcess()
      } else {
        const seen = row.batches.flatMap((bytes) => recordsOf(bytes))
        const fresh = seen.filter(({ offset }) => offset >= position.offset)
        operation.values = fresh.map(({ offset, value }) => [offset, value])
        operation.endOffset = row.highWatermark
        end(operation, 'ok')
        const last = fresh.at(-1)
        if (last !== undefined) position = { offset: last.offset + 1, epoch: last.leaderEpoch }
      }
      await pause(random.integer(1, 200))
      if (random.integer(1, 25) === 1) {
        position = { offset: 0, epoch: -1 }
        process = newProcess()
      }
    }
  }

  const askEnd = async (process: string, partition: number) => {
    const key = keyOf(partition)
    const operation = begin({
      process: `${process}e`,
      f: 'end-offset',
      key,
      acks: -1,
      isIdempotent: false,
      values: [],
    })
    const topics = [
      {
        name: topic.name,
        partitions: [{ partitionIndex: partition, timestamp: -1, currentLeaderEpoch: -1 }],
      },
    ]
    const answer = await orThrown(() =>
      ask('list-offsets', (deps) => listOffsets(deps, { isolationLevel: 0, topics })),
    )
    const row =
      answer === NO_ANSWER ? undefined : 'thrown' in answer ? answer.thrown : answer.topics[0]?.partitions[0]
    if (row === undefined || 'errorName' in row) return end(operation, 'info')
    operation.endOffset = row.offset
    end(operation, 'ok')
  }

  const fetchRequest = (partitionIndex: number, { offset, epoch }: { offset: number; epoch: number }) => ({
    maxWaitMs: random.integer(0, 1) * 500,
    minBytes: 1,
    maxBytes: 1_000_000,
    isolationLevel: 0 as const,
    topics: [
      {
        name: topic.name,
        partitions: [
          {
            partitionIndex,
            fetchOffset: offset,
            partitionMaxBytes: random.integer(0, 3) === 0 ? 200 : 1_000_000,
            currentLeaderEpoch: -1,
            lastFetchedEpoch: epoch,
          },
        ],
      },
    ],
  })

  return {
    operations,
    told,
    surprises,
    run: async (isOver) => {
      const running = [
        ...Array.from({ length: configuration.producers }, () => producer(isOver)),
        ...Array.from({ length: configuration.consumers }, () => consumer(isOver)),
      ]
      await Promise.all(running)
    },
    readAll: async (partition) => {
      const found = new Map<number, string>()
      for (let offset = 0; ; ) {
        const answer = await ask('final fetch', (deps) =>
          fetch(deps, fetchRequest(partition, { offset, epoch: -1 })),
        )
        const row = answer === NO_ANSWER ? undefined : answer.topics[0]?.partitions[0]
        if (row === undefined || 'errorName' in row) {
          if (row !== undefined && !row.retriable)
            throw new Error(`final read failed ${row.errorName}: ${row.errorMessage}`)
          await pause(200)
          continue
        }
        for (const record of row.batches.flatMap(recordsOf)) {
          if (record.offset >= offset) found.set(record.offset, record.value)
        }
        offset = Math.max(offset, row.nextOffset)
        if (offset >= row.highWatermark) return found
      }
    },
  }
}

/** What a client has to live with while things fail. */
const EXPECTED: ReadonlySet<string> = new Set([
  'REQUEST_TIMED_OUT',
  'KAFKA_STORAGE_ERROR',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'LEADER_NOT_AVAILABLE',
])
/** What follows from the loss of an earlier batch, which acks=all alone excludes. */
const MAY_GAP: ReadonlySet<string> = new Set(['OUT_OF_ORDER_SEQUENCE_NUMBER'])

async function orThrown<T>(run: () => Promise<T>) {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    return { thrown: errorRow(error) }
  }
}

function recordsOf(bytes: Uint8Array) {
  return splitBatches(bytes).flatMap(({ bytes: batch }) =>
    decodeBatch(batch, nodeCodecs, { maxDecompressedBytes: MAX_DECOMPRESSED_BYTES }).map(
      ({ offset, leaderEpoch, value }) => ({
        offset,
        leaderEpoch,
        value: new TextDecoder().decode(value ?? new Uint8Array(0)),
      }),
    ),
  )
}
