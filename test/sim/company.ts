import { errorRow, KafkaError } from '../../shared/protocol/kafka-error.ts'
import { metadata } from '../../shared/service/metadata.ts'
import type { Cluster, Environment } from './cluster.ts'
import type { Key, Operation } from './history.ts'
import type { Topic } from './topics.ts'

/** What a handler that gave no answer left its client with. */
export const NO_ANSWER = Symbol('no answer')

/** The longest a client waits for one try. */
const CLIENT_TIMEOUT_MS = 25_000

/** What the clients of a run have in common: how they ask, and where they note what they did and saw. */
export interface Company {
  readonly cluster: Cluster
  readonly operations: Operation[]
  readonly told: Set<Key>
  /** Errors that no fault explains. */
  readonly surprises: string[]
  /** Ids that some client was told to be no topic's, or another one's. */
  readonly denied: Map<string, string>
  /** A client that does not know what became of an operation goes on under another name. */
  newProcess(): string
  newProducerId(): number
  newValue(): string
  /** What a handler answers, or NO_ANSWER when it crashed, or takes longer than `timeoutMs`. */
  ask<T>(
    what: string,
    run: (deps: Environment['deps']) => Promise<T>,
    timeoutMs?: number,
  ): Promise<T | typeof NO_ANSWER>
  pause(ms: number): Promise<void>
  begin(operation: Omit<Operation, 'invokedAt' | 'completedAt' | 'type'>): Operation
  end(operation: Operation, type: Operation['type']): void
  /** The topic that some handler says the name stands for now; undefined where there is none, or no answer. */
  lookUp(name: string): Promise<Topic | undefined>
  /** Notes an error that says that a topic is not there; answers whether it is one. */
  isGone(topic: Topic, partition: number, errorName: string): boolean
}

export function newCompany(cluster: Cluster): Company {
  const { scheduler } = cluster
  const operations: Operation[] = []
  const denied = new Map<string, string>()
  let values = 0
  let processes = 0
  let producerIds = 1000

  const company: Company = {
    cluster,
    operations,
    told: new Set(),
    surprises: [],
    denied,
    newProcess: () => {
      processes += 1
      return `p${processes}`
    },
    newProducerId: () => {
      producerIds += 1
      return producerIds
    },
    newValue: () => {
      values += 1
      return `v${values}`
    },
    ask: (what, run, timeoutMs = CLIENT_TIMEOUT_MS) =>
      new Promise((resolve, reject) => {
        const on = scheduler.pick(cluster.environments as [Environment, ...Environment[]])
        const event = scheduler.after(timeoutMs, `${what} client timeout`, () => resolve(NO_ANSWER))
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
      }),
    pause: (ms) =>
      new Promise<void>((resolve) => {
        scheduler.after(ms, 'client pause', resolve)
      }),
    begin: (operation) => {
      const begun: Operation = {
        ...operation,
        invokedAt: scheduler.steps(),
        completedAt: Number.MAX_SAFE_INTEGER,
        type: 'info',
      }
      operations.push(begun)
      return begun
    },
    end: (operation, type) => {
      operation.completedAt = scheduler.steps()
      operation.type = type
      cluster.count(`${operation.f} ${type}`)
      cluster.count(`${operation.f} ${type} ${cluster.isHealed() ? 'once healed' : 'amid faults'}`)
    },
    lookUp: async (name) => {
      const request = { topics: [{ name }], includeOffsets: false, limit: 1000, nextToken: null }
      const answer = await orThrown(() => company.ask('metadata', (deps) => metadata(deps, request)))
      if (answer === NO_ANSWER || 'thrown' in answer) return undefined
      const [row] = answer.topics
      if (row === undefined || 'errorName' in row) return undefined
      return { name, topicId: row.topicId, partitions: row.partitions.length }
    },
    isGone: ({ name, topicId }, partition, errorName) => {
      if (!GONE.has(errorName)) return false
      cluster.count('topic unknown')
      // Another environment may not know of a partition that was added within the last seconds.
      if (errorName !== 'UNKNOWN_TOPIC_OR_PARTITION' || partition === 0)
        denied.set(topicId, `${errorName} of ${name}`)
      return true
    },
  }
  return company
}

/** How a client learns that the topic it knows is not there any more, or not yet. */
const GONE: ReadonlySet<string> = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'UNKNOWN_TOPIC_ID',
  'INCONSISTENT_TOPIC_ID',
])

/** An error that the whole request failed with, as a row. */
export async function orThrown<T>(run: () => Promise<T>) {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    return { thrown: errorRow(error) }
  }
}
