import { CONSUMER_PROTOCOL_TYPE } from '../../shared/protocol/consumer-protocol.ts'
import type { StratologError } from '../errors.ts'
import { backoffMs } from '../retry.ts'
import type { Transport } from '../transport.ts'
import { newAlarm } from './alarm.ts'
import type { Assignments } from './assignments.ts'
import type { Identity } from './committer.ts'
import { misuse } from './consumer-error.ts'
import type { ResolvedOptions } from './consumer-options.ts'
import type { TopicPartition } from './consumer-record.ts'
import {
  type Answered,
  assignedIn,
  assignmentsOf,
  assignorMembers,
  groupAnswer,
  type Joined,
  joinProtocols,
  type Owned,
} from './group-calls.ts'
import { reactionTo } from './group-errors.ts'
import type { KnownTopic } from './known-topics.ts'
import type { Ownership } from './ownership.ts'
import { rebalanceDiff, revokedBeforeJoin } from './rebalance-diff.ts'

/** A consumer's membership of its group. */
export interface Membership {
  /** undefined before the first generation, and once one is lost. */
  identity(): Identity | undefined
  /** As whom to send heartbeats; undefined while a join is under way, which tells the group that the member is alive. */
  beatingAs(): Identity | undefined
  /** Whether its partitions are another's by now. */
  isLost(): boolean
  /** Whether the member is in another generation than this, or on its way into one; resolves when it has arrived. */
  movedOn(from: Identity): Promise<boolean>
  /** Topics that the members of the group subscribe to, where this one has to assign them. */
  topicsToAssign(): readonly string[]
  /** Joins, and again whenever that is necessary, until the signal is aborted. Rejects with what no other try would change. */
  run(): Promise<void>
  /** Deals with what a heartbeat or commit made as `identity` was refused with. */
  refused(error: StratologError, identity: Identity): void
  /** To be told whenever metadata was read: a rebalance begins when topics or partitions came or went. */
  topicsChanged(): void
  /** Leaves the group, its partitions are lost; joins again when no handler is at work any more. A static member only stops. */
  leave(reason: string): Promise<void>
}

export interface MembershipGiven {
  readonly transport: Transport
  readonly groupId: string
  readonly options: ResolvedOptions
  readonly assignments: Assignments
  readonly ownership: () => Ownership
  /** The topics subscribed to, by what is known of topics. */
  readonly subscribed: () => readonly string[]
  readonly knownTopics: () => ReadonlyMap<string, KnownTopic>
  readonly refreshTopics: () => Promise<void>
  readonly onWarning: (error: StratologError) => void
  readonly onFatal: (error: unknown) => void
  readonly signal: AbortSignal
}

/** How long a member that leaves waits for the answer. */
const LEAVE_MS = 5000

/** The member as the group knows it. */
interface State {
  memberId: string
  generationId: number
  isNeeded: boolean
  isLost: boolean
  /** Topics of the last join. */
  joinedTopics: readonly string[]
  /** What was assigned last, and in which generation. */
  previous: Owned
  /** Of a leader: the topics of all members, and how many partitions they had as they were assigned. */
  groupTopics: readonly string[]
  assignedCounts: string | undefined
  joining: PromiseWithResolvers<void> | undefined
}

/** A member that has not joined yet. */
export function newMembership(given: MembershipGiven): Membership {
  const { transport, groupId, options, assignments, signal } = given
  const { groupInstanceId = null } = options
  const alarm = newAlarm(transport)
  const state: State = {
    memberId: '',
    generationId: -1,
    isNeeded: true,
    isLost: false,
    joinedTopics: [],
    previous: { partitions: [], generationId: -1 },
    groupTopics: [],
    assignedCounts: undefined,
    joining: undefined,
  }

  const requestRejoin = () => {
    state.isNeeded = true
    alarm.ring()
  }

  const lose = () => {
    state.isLost = state.isLost || assignments.all().length > 0
    state.generationId = -1
    given.ownership().abandon(assignments.all())
    requestRejoin()
  }

  const identity = (): Identity | undefined =>
    state.generationId < 0
      ? undefined
      : { generationId: state.generationId, memberId: state.memberId, groupInstanceId }

  /** What to do next about an error of join or sync: the same call again, or from the beginning. */
  const afterFailure = async (
    failed: Extract<Answered<never>, { error: StratologError }>,
    failures: number,
  ): Promise<'again' | 'anew'> => {
    const { error, retryAfterMs } = failed
    if (error.errorName === 'REBALANCE_IN_PROGRESS' && retryAfterMs !== undefined) {
      await transport.sleep(retryAfterMs, signal)
      return 'again'
    }
    switch (reactionTo(error)) {
      case 'fatal':
        throw error
      case 'retry': {
        given.onWarning(error)
        const after = { failures: Math.min(failures, 10), retryAfterMs: error.retryAfterMs }
        await transport.sleep(backoffMs(transport.retry, after, transport.random()), signal)
        return 'again'
      }
      case 'rejoin':
        return 'anew'
      case 'loseMember':
        state.memberId = ''
        lose()
        return 'anew'
      case 'loseGeneration':
        lose()
        return 'anew'
    }
  }

  /** undefined when everything begins anew. */
  const join = async (topics: readonly string[]): Promise<Joined | undefined> => {
    const isCooperative = options.rebalanceProtocol === 'COOPERATIVE'
    const partitions = isCooperative ? assignments.all() : []
    // Of a generation whose assignment never came it has nothing.
    const owned = { partitions, generationId: state.previous.generationId }
    for (let failures = 1; ; failures += 1) {
      const request = {
        groupId,
        memberId: state.memberId,
        groupInstanceId,
        sessionTimeoutMs: options.sessionTimeoutMs,
        rebalanceTimeoutMs: options.rebalanceTimeoutMs,
        protocolType: CONSUMER_PROTOCOL_TYPE,
        protocols: joinProtocols(options.assignors, topics, { owned, previous: state.previous }),
      }
      const answered = await groupAnswer(transport.call('join-group', request, { signal }))
      if ('answer' in answered) return answered.answer
      const hasId = answered.error.errorName === 'MEMBER_ID_REQUIRED'
      // A repeated join is the same one only if it carries the id that the first one was given.
      if (answered.memberId) state.memberId = answered.memberId
      if (!hasId && (await afterFailure(answered, failures)) === 'anew') return undefined
    }
  }

  /** What the leader assigns; nothing when the assignment that stands is kept (KIP-814). */
  const lead = async (joined: Joined) => {
    const members = assignorMembers(joined)
    state.groupTopics = [...new Set(members.flatMap(({ topics }) => topics))].sort()
    await given.refreshTopics()
    state.assignedCounts = countsText(state.groupTopics, given.knownTopics())
    if (joined.skipAssignment) return []
    const assignor = options.assignors.find(({ name }) => name === joined.protocolName)
    const counts = state.groupTopics.map(
      (name) => [name, given.knownTopics().get(name)?.leaderEpochs.length ?? 0] as const,
    )
    if (assignor === undefined)
      throw misuse(`the group chose an unknown assignor name=${joined.protocolName}`)
    return assignmentsOf(assignor.assign(members, new Map(counts)))
  }

  /** undefined when everything begins anew. */
  const sync = async (joined: Joined): Promise<TopicPartition[] | undefined> => {
    const { generationId, memberId, protocolType, protocolName } = joined
    const isLeader = joined.leader === memberId
    if (!isLeader) {
      state.groupTopics = []
      state.assignedCounts = undefined
    }
    const assignments = isLeader ? await lead(joined) : []
    const member = { groupId, generationId, memberId, groupInstanceId }
    const request = { ...member, protocolType, protocolName, assignments }
    for (let failures = 1; ; failures += 1) {
      const answered = await groupAnswer(transport.call('sync-group', request, { signal }))
      if ('answer' in answered) return assignedIn(answered.answer.assignment)
      if ((await afterFailure(answered, failures)) === 'anew') return undefined
    }
  }

  const giveUp = async (topics: readonly string[]) => {
    const all = assignments.all()
    const revoked = state.isLost ? all : revokedBeforeJoin(options.rebalanceProtocol, all, new Set(topics))
    const names = new Set(revoked)
    await given.ownership().giveUp(all.filter((assigned) => names.has(assigned)))
    if (!state.isLost) return
    // What was lost while others were waited for goes the same way.
    await given.ownership().giveUp(assignments.all())
    state.isLost = false
  }

  const takeOver = async (assigned: readonly TopicPartition[]) => {
    const { added, revoked } = rebalanceDiff(assignments.all(), assigned)
    if (revoked.length > 0) {
      await given.ownership().giveUp(revoked.map((partition) => assignments.get(partition)))
      requestRejoin()
    }
    if (state.isLost) return
    state.previous = { partitions: assigned, generationId: state.generationId }
    await given.ownership().take(added)
  }

  const rejoin = async () => {
    await given.refreshTopics()
    const topics = given.subscribed()
    await giveUp(topics)
    state.isNeeded = false // whatever asked for it meanwhile gets it now
    state.joining = Promise.withResolvers()
    let assigned: TopicPartition[] | undefined
    try {
      state.joinedTopics = topics
      const joined = await join(topics)
      if (joined !== undefined) {
        // It is of this generation now, even should another one begin before it is given something.
        state.memberId = joined.memberId
        state.generationId = joined.generationId
        assigned = await sync(joined)
      }
    } finally {
      state.joining.resolve()
      state.joining = undefined
    }
    if (assigned === undefined) state.isNeeded = true
    else await takeOver(assigned)
  }

  return {
    identity,
    beatingAs: () => (state.joining === undefined ? identity() : undefined),
    isLost: () => state.isLost,
    movedOn: async (from) => {
      if (state.joining === undefined) return identity()?.generationId !== from.generationId
      await state.joining.promise
      return true
    },
    topicsToAssign: () => state.groupTopics,
    run: async () => {
      for (let failures = 1; ; ) {
        signal.throwIfAborted()
        while (!state.isNeeded) await alarm.wait(undefined, signal)
        try {
          await rejoin()
          failures = 1
        } catch (error) {
          signal.throwIfAborted()
          if (!isPassing(error)) throw error
          given.onWarning(error)
          state.isNeeded = true
          failures = Math.min(failures + 1, 10)
          const wait = backoffMs(transport.retry, { failures, retryAfterMs: undefined }, transport.random())
          await transport.sleep(wait, signal)
        }
      }
    },
    refused: (error, as) => {
      const now = identity()
      const isOld = now?.generationId !== as.generationId || now.memberId !== as.memberId
      if (isOld || state.joining !== undefined) return
      const reaction = reactionTo(error)
      if (reaction === 'rejoin') requestRejoin()
      if (reaction === 'loseMember') state.memberId = ''
      if (reaction === 'loseMember' || reaction === 'loseGeneration') {
        given.onWarning(error)
        lose()
      }
      if (error.errorName === 'FENCED_INSTANCE_ID') given.onFatal(error)
    },
    topicsChanged: () => {
      if (state.joining !== undefined || state.generationId < 0) return
      const isOther = given.subscribed().join() !== state.joinedTopics.join()
      const counts = countsText(state.groupTopics, given.knownTopics())
      const isOtherCount = state.assignedCounts !== undefined && counts !== state.assignedCounts
      if (isOther || isOtherCount) requestRejoin()
    },
    leave: async (reason) => {
      const { memberId } = state
      state.memberId = groupInstanceId === null ? '' : memberId
      lose()
      if (groupInstanceId !== null || memberId === '') return
      const members = [{ memberId, groupInstanceId: null, reason }]
      const deadlineMs = transport.now() + LEAVE_MS
      const left = await groupAnswer(transport.call('leave-group', { groupId, members }, { deadlineMs }))
      if ('error' in left) given.onWarning(left.error)
    },
  }
}

function countsText(names: readonly string[], known: ReadonlyMap<string, KnownTopic>): string {
  return names.map((name) => `${name}=${known.get(name)?.leaderEpochs.length ?? 0}`).join()
}

function isPassing(error: unknown): error is StratologError {
  return error instanceof Error && 'retriable' in error && error.retriable === true
}
