import { StratologError } from '../errors.ts'
import type { Transport } from '../transport.ts'
import { type Alarm, newAlarm } from './alarm.ts'
import { type AssignedPartition, moveTo } from './assigned-partition.ts'
import type { Assignments } from './assignments.ts'
import { noOffset } from './consumer-error.ts'
import type { EventListeners } from './consumer-events.ts'
import type { StartFrom } from './consumer-options.ts'
import { partitionName, type TopicPartition } from './consumer-record.ts'
import { findTopics, type KnownTopic } from './known-topics.ts'

/** How soon a topic that is not there is looked for again. */
const MISSING_TOPIC_MS = 5000

/** What a consumer knows of topics, and keeps knowing. */
export interface TopicWatch {
  /** As of the last refresh. */
  known(): ReadonlyMap<string, KnownTopic>
  /** Asks now; callers at the same time share one request. */
  refresh(): Promise<void>
  /** Refreshes after every `metadataMaxAgeMs`, sooner while a topic is missing, until the signal is aborted. */
  run(): Promise<void>
}

/** A watch that knows nothing yet. `wanted` names the topics, or is undefined for all of them. */
export function newTopicWatch(given: {
  readonly transport: Transport
  readonly assignments: Assignments
  readonly events: EventListeners
  readonly startFrom: StartFrom
  readonly metadataMaxAgeMs: number
  readonly wanted: () => readonly string[] | undefined
  readonly onRefreshed: () => void
  readonly onPartitionFailed: (assigned: AssignedPartition, error: Error) => void
  /** Told once of a topic or partition that is waited for. */
  readonly onMissing: (error: StratologError) => void
  readonly onError: (error: unknown) => void
  readonly signal: AbortSignal
}): TopicWatch {
  const { transport, assignments, signal } = given
  const alarm: Alarm = newAlarm(transport)
  let known: ReadonlyMap<string, KnownTopic> = new Map()
  let refreshing: Promise<void> | undefined
  let missing: ReadonlyMap<string, StratologError> = new Map()

  const refresh = async () => {
    const nowMissing = new Map<string, StratologError>()
    known = await findTopics(transport, given.wanted(), signal, (name, error) => nowMissing.set(name, error))
    for (const assigned of assignments.all()) {
      const error = withoutPartition(assigned, known.get(assigned.topic))
      if (error !== undefined) nowMissing.set(partitionName(assigned), error)
    }
    for (const [name, error] of nowMissing) {
      if (missing.has(name)) continue
      given.onMissing(error)
      alarm.ring() // it is looked for sooner than what is there
    }
    missing = nowMissing
    for (const assigned of assignments.all()) {
      const topic = known.get(assigned.topic)
      if (topic !== undefined) follow(given, assigned, topic)
    }
    given.onRefreshed()
  }

  const shared = () => {
    refreshing ??= refresh().finally(() => {
      refreshing = undefined
    })
    return refreshing
  }

  const isMissing = () => {
    const names = [...(given.wanted() ?? []), ...assignments.all().map(({ topic }) => topic)]
    return names.some((name) => !known.has(name))
  }

  return {
    known: () => known,
    refresh: shared,
    run: async () => {
      for (;;) {
        const ageMs = given.metadataMaxAgeMs
        await alarm.wait(isMissing() ? Math.min(MISSING_TOPIC_MS, ageMs) : ageMs, signal)
        try {
          await shared()
        } catch (error) {
          signal.throwIfAborted()
          given.onError(error)
        }
      }
    },
  }
}

/** Why a partition that was assigned by hand is not read, where its topic is there. */
function withoutPartition(
  partition: TopicPartition,
  topic: KnownTopic | undefined,
): StratologError | undefined {
  if (topic === undefined || partition.partition < topic.leaderEpochs.length) return undefined
  const message = `topic has no such partition partition=${partitionName(partition)} partitionCount=${topic.leaderEpochs.length}`
  return new StratologError('UNKNOWN_TOPIC_OR_PARTITION', message, { retriable: true, effect: 'none' })
}

/** Takes over what metadata says of a partition's topic; another topic of the same name is begun with anew. */
function follow(
  given: Parameters<typeof newTopicWatch>[0],
  assigned: AssignedPartition,
  topic: KnownTopic,
): void {
  const { topicId: oldTopicId } = assigned
  const leaderEpoch = topic.leaderEpochs[assigned.partition] ?? -1
  const isSame = oldTopicId === undefined || oldTopicId === topic.topicId
  assigned.topicId = topic.topicId
  if (isSame) {
    assigned.currentLeaderEpoch = Math.max(assigned.currentLeaderEpoch, leaderEpoch)
    return
  }
  assigned.currentLeaderEpoch = leaderEpoch
  assigned.committed = undefined
  const reason = 'TOPIC_RECREATED'
  const fromOffset = assigned.position?.offset
  moveTo(assigned, { by: 'startFrom', reason, fromOffset })
  given.events.emit('topicRecreated', { topic: topic.name, oldTopicId, topicId: topic.topicId })
  if (given.startFrom === 'none') given.onPartitionFailed(assigned, noOffset(assigned, reason))
}
