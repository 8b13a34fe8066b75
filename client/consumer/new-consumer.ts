import type { AutoCommit, Consumer, ConsumerSubscription } from '../consumer.ts'
import { StratologError } from '../errors.ts'
import type { Transport } from '../transport.ts'
import { newAlarm } from './alarm.ts'
import { type AssignedPartition, moveTo, nextOffset } from './assigned-partition.ts'
import { newAssignments } from './assignments.ts'
import { newCommitter } from './committer.ts'
import { asStratologError, misuse } from './consumer-error.ts'
import { eventListeners } from './consumer-events.ts'
import type { ResolvedOptions } from './consumer-options.ts'
import {
  type PartitionOffset,
  partitionName,
  sortedPartitions,
  type TopicPartition,
} from './consumer-record.ts'
import { newDispatcher } from './dispatcher.ts'
import { runFetcher } from './fetcher.ts'
import { runHeartbeats } from './heartbeats.ts'
import { newMembership } from './membership.ts'
import { newOwnership } from './ownership.ts'
import { eachBatchPoll, eachRecordPoll, type PollHandler } from './poll-handlers.ts'
import { positionLookup } from './position-lookup.ts'
import { type RecordQueue, recordQueue } from './record-iterator.ts'
import { committedOffsets } from './starting-offsets.ts'
import { hasPattern, subscribedTopics } from './subscription.ts'
import { newTopicWatch } from './topic-watch.ts'

/** What is committed by default, and how long a consumer that closes waits. */
const AUTO_COMMIT: AutoCommit = { intervalMs: 5000 }
const CLOSE_TIMEOUT_MS = 30_000

/** A consumer that does nothing before it runs. */
export function newConsumer(transport: Transport, options: ResolvedOptions): Consumer {
  const { groupId } = options
  const assignments = newAssignments()
  const events = eventListeners()
  const fetchAlarm = newAlarm(transport)
  /** Ends all loops but the heartbeats, which go on while handlers are waited for. */
  const working = new AbortController()
  const beating = new AbortController()
  const stopped = Promise.withResolvers<void>()
  const loops: Promise<void>[] = []
  let subscription: ConsumerSubscription | undefined
  let autoCommit: AutoCommit = AUTO_COMMIT
  let isRunning = false
  let queue: RecordQueue | undefined
  let failure: { readonly error: unknown } | undefined
  let closing: Promise<void> | undefined
  let isClosed = false

  const warn = (error: unknown) => events.emit('warning', { error: asStratologError(error) })
  const fail = (error: unknown) => {
    if (failure !== undefined || closing !== undefined) return
    failure = { error }
    void close()
  }
  /** Of a loop: what passes is told, all else ends the consumer. */
  const onError = (error: unknown) => {
    if (error instanceof StratologError && error.retriable) warn(error)
    else fail(error)
  }
  const onPartitionFailed = (assigned: AssignedPartition, error: Error) => {
    assigned.failure = asStratologError(error)
    const { topic, partition } = assigned
    if (!events.has('error')) fail(error)
    else events.emit('error', { error, isFatal: false, partitions: [{ topic, partition }] })
  }

  const dispatcher = newDispatcher({
    assignments,
    maxPollRecords: options.maxPollRecords,
    partitionsConsumedConcurrently: options.partitionsConsumedConcurrently,
    now: transport.now,
    onDrained: fetchAlarm.ring,
    onFailure: fail,
  })

  const topics = newTopicWatch({
    transport,
    assignments,
    events,
    startFrom: options.startFrom,
    metadataMaxAgeMs: options.metadataMaxAgeMs,
    wanted: () => {
      const selectors = subscription?.topics ?? []
      if (hasPattern(selectors)) return undefined
      const own = [...subscribedTopics(selectors, []), ...assignments.all().map(({ topic }) => topic)]
      return [...new Set([...own, ...(membership?.topicsToAssign() ?? [])])]
    },
    onRefreshed: () => membership?.topicsChanged(),
    onPartitionFailed,
    onMissing: warn,
    onError,
    signal: working.signal,
  })

  const membership =
    groupId === undefined
      ? undefined
      : newMembership({
          transport,
          groupId,
          options,
          assignments,
          ownership: () => ownership,
          subscribed: () => subscribedTopics(subscription?.topics ?? [], [...topics.known().values()]),
          knownTopics: topics.known,
          refreshTopics: topics.refresh,
          onWarning: warn,
          onFatal: fail,
          signal: working.signal,
        })
  const isMember = () => subscription !== undefined

  const committer = newCommitter({
    transport,
    groupId,
    assignments,
    isMember,
    identity: () =>
      isMember() ? membership?.identity() : { generationId: -1, memberId: '', groupInstanceId: null },
    movedOn: async (from) => isMember() && (await membership?.movedOn(from)) === true,
    onRefused: (error, as) => {
      // A rebalance under way is the heartbeats' to tell: this one may be over by now.
      if (isMember() && error.errorName !== 'REBALANCE_IN_PROGRESS') membership?.refused(error, as)
    },
  })

  /** What is committed without being asked for; that it failed is told, and tried again when it is due next. */
  const commitAutomatically = async (partitions: readonly AssignedPartition[], deadlineMs?: number) => {
    if (autoCommit === false || groupId === undefined) return
    try {
      await committer.processed(partitions, { deadlineMs })
    } catch (error) {
      warn(error)
    }
  }

  const ownership = newOwnership({
    assignments,
    dispatcher,
    listener: () => subscription ?? {},
    commit: (partitions) => commitAutomatically(partitions, transport.now() + options.rebalanceTimeoutMs),
    isLost: () => membership?.isLost() ?? false,
    onTaken: (partitions) => {
      for (const assigned of partitions) {
        const topic = topics.known().get(assigned.topic)
        assigned.topicId ??= topic?.topicId
        assigned.currentLeaderEpoch = topic?.leaderEpochs[assigned.partition] ?? -1
      }
      fetchAlarm.ring()
    },
    signal: working.signal,
  })

  const loop = (run: Promise<void>) => {
    loops.push(
      run.catch((error) => {
        if (!working.signal.aborted) fail(error)
      }),
    )
  }

  const start = (
    handler: PollHandler,
    run: { readonly autoCommit: AutoCommit; readonly signal?: AbortSignal | undefined },
  ) => {
    if (closing !== undefined) throw misuse('consumer is closed')
    if (isRunning) throw misuse('consumer runs already')
    if (subscription === undefined && assignments.all().length === 0)
      throw misuse('consumer has nothing to read')
    isRunning = true
    autoCommit = run.autoCommit
    run.signal?.addEventListener('abort', () => void close(), { once: true })
    dispatcher.start(handler)
    const { signal } = working
    const lookup = positionLookup({ transport, options, assignments, events, onPartitionFailed, signal })
    const onRecords = dispatcher.pump
    const refreshTopics = topics.refresh
    loop(
      runFetcher({
        transport,
        options,
        assignments,
        lookup,
        alarm: fetchAlarm,
        refreshTopics,
        onRecords,
        onPartitionFailed,
        onError,
        signal,
      }),
    )
    loop(topics.run())
    if (autoCommit !== false && groupId !== undefined) loop(commitEvery(autoCommit.intervalMs))
    if (membership === undefined || groupId === undefined || !isMember()) return
    loop(membership.run())
    const onSlowHandler = (sinceMs: number) =>
      warn(tooSlow(transport.now() - sinceMs, options.maxPollIntervalMs))
    runHeartbeats({
      transport,
      groupId,
      options,
      dispatcher,
      membership,
      onWarning: warn,
      onSlowHandler,
      signal: beating.signal,
    }).catch((error) => {
      if (!beating.signal.aborted) fail(error)
    })
  }

  const commitEvery = async (intervalMs: number) => {
    for (;;) {
      await transport.sleep(intervalMs, working.signal)
      await commitAutomatically(assignments.all())
    }
  }

  const close = (timeoutMs = CLOSE_TIMEOUT_MS): Promise<void> => {
    closing ??= shutDown(timeoutMs).catch(warn).then(settle)
    return closing
  }

  const shutDown = async (timeoutMs: number) => {
    queue?.end(failure)
    dispatcher.stop()
    const all = assignments.all()
    for (const assigned of all) assigned.isStopping = true
    working.abort()
    const late = new AbortController()
    const idle = Promise.all([dispatcher.idle(all), ...loops]).then(() => late.abort())
    await transport.sleep(timeoutMs, late.signal).catch(() => {})
    ownership.abandon(all)
    void idle
    const deadlineMs = transport.now() + transport.retry.requestTimeoutMs
    const wasLost = membership?.isLost() ?? false
    const left = assignments.all() // a rebalance that was under way may have given some up
    if (!wasLost) await commitAutomatically(left, deadlineMs)
    const { onPartitionsRevoked, onPartitionsLost = onPartitionsRevoked } = subscription ?? {}
    if (left.length > 0) await (wasLost ? onPartitionsLost : onPartitionsRevoked)?.(namesOf(left))
    for (const assigned of left) assignments.remove(assigned)
    if (isRunning && isMember()) await membership?.leave('the consumer is closed')
  }

  const settle = () => {
    isClosed = true
    beating.abort()
    if (failure === undefined) return stopped.resolve()
    if (events.has('error')) {
      stopped.promise.catch(() => {}) // whoever listens is told
      events.emit('error', { error: failure.error, isFatal: true, partitions: [] })
    }
    stopped.reject(failure.error)
  }

  const requireOpen = () => {
    if (isClosed) throw misuse('consumer is closed')
  }

  const consumer: Consumer = {
    subscribe: async (wanted) => {
      requireOpen()
      if (groupId === undefined) throw misuse('subscribe needs a groupId')
      if (subscription === undefined && assignments.all().length > 0)
        throw misuse('consumer has assigned partitions')
      if (isRunning && subscription === undefined) throw misuse('consumer runs already')
      subscription = wanted
      if (isRunning) await topics.refresh()
    },
    assign: async (partitions) => {
      requireOpen()
      if (subscription !== undefined) throw misuse('consumer has subscribed')
      const names = new Set(partitions.map(partitionName))
      await ownership.giveUp(assignments.all().filter((assigned) => !names.has(partitionName(assigned))))
      for (const partition of partitions) {
        const assigned = assignments.find(partition) ?? assignments.add(partition)
        if (partition.offset !== undefined) moveTo(assigned, position(partition.offset))
      }
      fetchAlarm.ring()
    },
    run: async (run) => {
      if (!run.eachRecord && !run.eachBatch) throw misuse('run needs eachRecord or eachBatch')
      const handler = run.eachRecord
        ? eachRecordPoll(run.eachRecord, options.keyConcurrency, dispatcher.watch)
        : eachBatchPoll(run.eachBatch, dispatcher.watch)
      start(handler, { autoCommit: run.autoCommit ?? AUTO_COMMIT, signal: run.signal })
    },
    records: (run = {}) => {
      const records = recordQueue(dispatcher.watch)
      start(records.handler, { autoCommit: run.autoCommit ?? false, signal: run.signal })
      queue = records
      stopped.promise.catch(() => {}) // whoever asks for the next record is told
      return {
        next: async () => {
          const value = await records.next()
          if (value === undefined) await closing // what is behind the loop finds everything committed
          return value === undefined ? { done: true, value } : { done: false, value }
        },
        return: async () => {
          await close()
          return { done: true, value: undefined }
        },
        [Symbol.asyncIterator]() {
          return this
        },
        async [Symbol.asyncDispose]() {
          await close()
        },
      }
    },
    [Symbol.asyncIterator]: () => consumer.records(),
    commit: async (offsets, { signal } = {}) => {
      requireOpen()
      if (offsets !== undefined) return committer.offsets(offsets, { signal })
      queue?.finish()
      return committer.processed(assignments.all(), { signal })
    },
    committed: async (partitions, { signal = working.signal } = {}) => {
      if (groupId === undefined) throw misuse('committed needs a groupId')
      const found = await committedOffsets(transport, groupId, partitions, signal)
      return partitions.flatMap(({ topic, partition }, at): PartitionOffset[] => {
        const row = found[at]
        if (row instanceof StratologError) throw row
        if (row === undefined) return []
        return [{ topic, partition, offset: BigInt(row.offset), leaderEpoch: row.leaderEpoch }]
      })
    },
    seek: ({ offset, leaderEpoch, ...partition }) => {
      moveTo(assignments.get(partition), position(offset, leaderEpoch))
      fetchAlarm.ring()
    },
    pause: (partitions) => {
      for (const assigned of partitions.map(assignments.get)) assigned.isPaused = true
    },
    resume: (partitions) => {
      for (const assigned of partitions.map(assignments.get)) assigned.isPaused = false
      dispatcher.pump()
      fetchAlarm.ring()
    },
    paused: () => namesOf(assignments.all().filter(({ isPaused }) => isPaused)),
    assignment: () => namesOf(assignments.all()),
    position: (partition) => {
      const offset = nextOffset(assignments.get(partition))
      return offset === undefined ? undefined : BigInt(offset)
    },
    groupMetadata: () => {
      const identity = membership?.identity()
      return groupId === undefined || identity === undefined ? undefined : { groupId, ...identity }
    },
    on: events.on,
    stopped: stopped.promise,
    close: ({ timeoutMs } = {}) => close(timeoutMs),
  }
  return consumer
}

/** @throws StratologError INVALID_REQUEST when it is no offset */
function position(offset: bigint, leaderEpoch = -1): { offset: number; leaderEpoch: number } {
  const number = Number(offset)
  if (!Number.isSafeInteger(number) || number < 0) throw misuse(`not an offset offset=${offset}`)
  return { offset: number, leaderEpoch }
}

function namesOf(partitions: readonly AssignedPartition[]): TopicPartition[] {
  return sortedPartitions(partitions).map(({ topic, partition }) => ({ topic, partition }))
}

function tooSlow(tookMs: number, maxPollIntervalMs: number): StratologError {
  return new StratologError(
    'UNKNOWN_MEMBER_ID',
    `a handler takes too long, the group is left tookMs=${tookMs} maxPollIntervalMs=${maxPollIntervalMs}`,
    { retriable: false, effect: 'none' },
  )
}
