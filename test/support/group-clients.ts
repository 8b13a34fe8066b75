import { expect } from 'vitest'
import { type ConsumerOptions, rowError, Stratolog, type TopicPartition } from '../../client/index.ts'
import { type ConsumerProcess, startConsumer } from './consumer-process.ts'

/** A session that is short enough to wait for, and what is needed for it to be kept. */
export const QUICK = { sessionTimeoutMs: 6000, heartbeatIntervalMs: 1000 } as const

/** As whom a commit is made. */
export interface CommitAs {
  readonly groupId: string
  readonly generationId: number
  readonly memberId: string
  readonly groupInstanceId: string | null
}

/** A topic, its consumers, each in a process of its own, and what an operator sees of their groups. */
export interface GroupClients {
  createTopic(name: string, partitions: number): Promise<void>
  /** Starts a member with a short session that commits often. */
  member(
    groupId: string,
    topic: string,
    more?: ConsumerOptions & { readonly commitIntervalMs?: number },
  ): ConsumerProcess
  /** Appends one record to each of the first partitions. */
  append(topic: string, values: readonly string[]): Promise<void>
  /** Appends one record to each partition again and again until it is stopped; `written` is all that was acknowledged. */
  steadyProducer(topic: string, partitions: number): SteadyProducer
  /** Committed offsets by partition, of a group of one topic. */
  committed(groupId: string): Promise<ReadonlyMap<number, number>>
  /** Commits an offset of partition 0; answers the name of the error, or undefined. */
  commitAs(as: CommitAs, topic: string, committedOffset: number): Promise<string | undefined>
  /** Deletes it; answers the name of the error, or undefined. */
  deleteGroup(groupId: string): Promise<string | undefined>
  /** Ends all members, those that were killed too. */
  end(): Promise<void>
}

export interface SteadyProducer {
  /** Values `partition/number` of what was acknowledged, and of what may have been. */
  readonly written: readonly string[]
  readonly doubtful: readonly string[]
  stop(): Promise<void>
}

const PAUSE_MS = 20
const LONGEST_OUTAGE_MS = 60_000

/** Clients of the service at `endpoint`. */
export function groupClients(endpoint: string): GroupClients {
  const admin = new Stratolog({ endpoint })
  const { transport } = admin
  const members: ConsumerProcess[] = []
  return {
    createTopic: async (name, partitions) => {
      const answer = await transport.call('create-topics', { topics: [{ name, numPartitions: partitions }] })
      expect(answer.topics[0]?.errorCode).toBe(0)
    },
    member: (groupId, topic, { commitIntervalMs = 500, ...more } = {}) => {
      const options = { groupId, ...QUICK, ...more }
      const started = startConsumer({ endpoint, topics: [topic], options, commitIntervalMs })
      members.push(started)
      return started
    },
    append: async (topic, values) => {
      const rows = await append(admin, topic, values)
      expect(rows.map(({ errorCode }) => errorCode)).toEqual(values.map(() => 0))
    },
    steadyProducer: (topic, partitions) => steadyProducer(admin, topic, partitions),
    committed: async (groupId) => {
      const { topics } = await transport.call('offset-fetch', { groupId })
      const rows = topics.flatMap((topic) => topic.partitions)
      return new Map(rows.map(({ partitionIndex, committedOffset }) => [partitionIndex, committedOffset]))
    },
    commitAs: async (as, topic, committedOffset) => {
      const topics = [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset }] }]
      const answer = await transport.call('offset-commit', { ...as, topics })
      const row = answer.topics[0]?.partitions[0]
      return row && rowError(row)?.errorName
    },
    deleteGroup: async (groupId) => {
      const { results } = await transport.call('delete-groups', { groups: [groupId] })
      const [row] = results
      return row && rowError(row)?.errorName
    },
    end: async () => {
      await Promise.all(members.splice(0).map((member) => member.end()))
    },
  }
}

async function append({ transport }: Stratolog, topic: string, values: readonly string[]) {
  const partitions = values.map((value, partitionIndex) => ({
    partitionIndex,
    records: [{ key: null, value: btoa(value) }],
  }))
  const topics = [{ name: topic, partitions }]
  return (await transport.call('produce', { topics })).topics[0]?.partitions ?? []
}

function steadyProducer(admin: Stratolog, topic: string, partitions: number): SteadyProducer {
  const written: string[] = []
  const doubtful: string[] = []
  const over = new AbortController()
  const run = async () => {
    let failedSinceMs: number | undefined
    for (let at = 0; !over.signal.aborted; at += 1) {
      const values = Array.from({ length: partitions }, (_, partition) => `${partition}/${at}`)
      try {
        const rows = await append(admin, topic, values)
        for (const [partition, value] of values.entries()) {
          if (rows[partition]?.errorCode === 0) written.push(value)
          else doubtful.push(value)
        }
        failedSinceMs = undefined
      } catch (error) {
        doubtful.push(...values)
        failedSinceMs ??= performance.now()
        if (performance.now() - failedSinceMs > LONGEST_OUTAGE_MS) throw error
      }
      await admin.transport.sleep(PAUSE_MS, undefined)
    }
  }
  const running = run()
  running.catch(() => {}) // whoever stops it is told
  return {
    written,
    doubtful,
    stop: async () => {
      over.abort()
      await running
    },
  }
}

/** The records that members were given, in the order in which each of them got them. */
export const recordsOf = (members: readonly ConsumerProcess[]) =>
  members.flatMap(({ lines }) => lines.filter((line) => line.is === 'record'))

export const valuesOf = (members: readonly ConsumerProcess[]): readonly string[] =>
  recordsOf(members).map(({ value }) => value)

export const errorsOf = (members: readonly ConsumerProcess[]) =>
  members.flatMap(({ lines }) => lines.filter((line) => line.is === 'error'))

/** As whom a member spoke last when it was given partitions. */
export function identityOf(member: ConsumerProcess, groupId: string): CommitAs {
  const line = member.lines.findLast(({ is }) => is === 'member')
  if (line?.is !== 'member') throw new Error('was no member yet')
  const { generationId, memberId } = line
  return { groupId, generationId, memberId, groupInstanceId: null }
}

/** How many partitions each member has, the fewest first. */
export const shares = (members: readonly ConsumerProcess[]): readonly number[] =>
  members.map((member) => member.assignment().length).sort((a, b) => a - b)

export const partitionsOf = (member: ConsumerProcess): readonly number[] =>
  member
    .assignment()
    .map(({ partition }: TopicPartition) => partition)
    .sort((a, b) => a - b)
