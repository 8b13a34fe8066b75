import { rowError, StratologError } from '../errors.ts'
import { backoffMs } from '../retry.ts'
import type { Transport } from '../transport.ts'
import { type AssignedPartition, uncommitted } from './assigned-partition.ts'
import type { Assignments } from './assignments.ts'
import { misuse } from './consumer-error.ts'
import { type PartitionOffset, partitionName, type TopicPartition } from './consumer-record.ts'
import { inRequests } from './in-requests.ts'
import { requested } from './starting-offsets.ts'

/** As whom a commit is made: the member of a generation, or, with −1 and '', somebody who is no member. */
export interface Identity {
  readonly generationId: number
  readonly memberId: string
  readonly groupInstanceId: string | null
}

/** What a commit may say. */
export interface CommitOptions {
  readonly signal?: AbortSignal | undefined
  /** When it must be over. */
  readonly deadlineMs?: number | undefined
}

/** Commits, one request after the other: no older offset overtakes a newer one. */
export interface Committer {
  /**
   * What is processed of these partitions and not committed; nothing is sent when nothing is.
   *
   * @throws StratologError when it is refused
   */
  processed(partitions: readonly AssignedPartition[], options: CommitOptions): Promise<void>
  /** @throws StratologError when it is refused, or a partition is not assigned to this member any more */
  offsets(offsets: readonly PartitionOffset[], options: CommitOptions): Promise<void>
}

/** What is to be committed for one partition. */
interface Commit extends TopicPartition {
  readonly assigned: AssignedPartition | undefined
  /** Of the topic that was read: the next one of its name has other offsets. */
  readonly topicId: string | undefined
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string | null
}

export interface CommitterGiven {
  readonly transport: Transport
  readonly groupId: string | undefined
  readonly assignments: Assignments
  /** undefined for a member that has lost its generation: nothing is committed as if it were no member. */
  readonly identity: () => Identity | undefined
  /** Whether only what is assigned may be committed: the service knows generations, not who has which partition. */
  readonly isMember: () => boolean
  /** Whether the member is in another generation than this, or on its way into one; resolves when it has arrived. */
  readonly movedOn: (from: Identity) => Promise<boolean>
  /** Told what a commit was refused with, and as whom it was made. */
  readonly onRefused: (error: StratologError, identity: Identity) => void
}

/** A committer of one consumer. */
export function newCommitter(given: CommitterGiven): Committer {
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = (commits: () => Commit[], options: CommitOptions): Promise<void> => {
    const turn = last.then(() => commitAll(given, commits, options))
    last = turn.catch(() => {}) // whoever asked is told; the next one is not
    return turn
  }
  return {
    processed: (partitions, options) => inTurn(() => partitions.flatMap(processedOf), options),
    offsets: async (offsets, options) => {
      const commits = offsets.map((offset) => explicitCommit(given, offset))
      await inTurn(() => commits, options)
    },
  }
}

function processedOf(assigned: AssignedPartition): Commit[] {
  const processed = uncommitted(assigned)
  const { topic, partition, topicId } = assigned
  return processed === undefined
    ? []
    : [{ topic, partition, topicId, ...processed, assigned, metadata: null }]
}

function explicitCommit(given: CommitterGiven, asked: PartitionOffset): Commit {
  const { topic, partition, leaderEpoch, metadata } = asked
  const offset = Number(asked.offset)
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw misuse(`offset cannot be committed partition=${partitionName(asked)} offset=${asked.offset}`)
  }
  const assigned = given.assignments.find(asked)
  const processed = assigned?.tracker.processed()
  const knownEpoch = processed?.offset === offset ? processed.leaderEpoch : -1
  return {
    topic,
    partition,
    assigned,
    topicId: assigned?.topicId,
    offset,
    leaderEpoch: leaderEpoch ?? knownEpoch,
    metadata: metadata ?? null,
  }
}

async function commitAll(
  given: CommitterGiven,
  commits: () => Commit[],
  options: CommitOptions,
): Promise<void> {
  const { groupId, transport } = given
  if (groupId === undefined) throw misuse('a commit needs a groupId')
  const deadlineMs = options.deadlineMs ?? transport.now() + transport.retry.deliveryTimeoutMs
  let left = commits()
  let gone: StratologError | undefined
  for (let failures = 1; left.length > 0; failures += 1) {
    options.signal?.throwIfAborted()
    const identity = given.identity()
    const lost = left.find(({ assigned }) => !isOwn(given, assigned))
    if (identity === undefined || lost !== undefined) throw notAssigned(lost ?? left)
    const until = { signal: options.signal, deadlineMs }
    const failed = await inRequests(left, (some) => commitOnce(given, { groupId, identity }, some, until))
    gone ??= failed.find(isOfGoneTopic)?.error
    const mayPass = failed.filter((one) => !isOfGoneTopic(one))
    const [first] = mayPass
    if (first === undefined) break
    const waitMs = backoffMs(
      transport.retry,
      { failures: Math.min(failures, 10), retryAfterMs: undefined },
      transport.random(),
    )
    const isOver = transport.now() + waitMs >= deadlineMs
    const lasting = mayPass.find(({ error }) => !error.retriable)
    const isPassing = lasting === undefined || (await passes(given, lasting.error, identity))
    if (!isPassing || isOver) throw (lasting ?? first).error
    await transport.sleep(waitMs, options.signal)
    left = mayPass.map(({ commit }) => commit)
  }
  if (gone !== undefined) throw gone
}

/** Retriable, since metadata may be behind; but what was read is of a topic that was there, and no other commit waits for it. */
function isOfGoneTopic({ error }: { readonly error: StratologError }): boolean {
  return ['UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID', 'INCONSISTENT_TOPIC_ID'].includes(error.errorName)
}

/** A cooperative member goes on while it joins: what it still has afterwards it commits in the new generation. */
async function passes(given: CommitterGiven, error: StratologError, identity: Identity): Promise<boolean> {
  const hasMovedOn = await given.movedOn(identity)
  return (
    error.errorName === 'REBALANCE_IN_PROGRESS' || (error.errorName === 'ILLEGAL_GENERATION' && hasMovedOn)
  )
}

function isOwn({ isMember, assignments }: CommitterGiven, assigned: AssignedPartition | undefined): boolean {
  return !isMember() || (assigned !== undefined && assignments.has(assigned))
}

/** Answers what failed. */
async function commitOnce(
  given: CommitterGiven,
  by: { readonly groupId: string; readonly identity: Identity },
  commits: readonly Commit[],
  options: { readonly signal: AbortSignal | undefined; readonly deadlineMs: number },
): Promise<{ commit: Commit; error: StratologError }[]> {
  const { groupId, identity } = by
  const topics = requested(commits, ({ partition, offset, leaderEpoch, metadata }) => ({
    partitionIndex: partition,
    committedOffset: offset,
    committedLeaderEpoch: leaderEpoch,
    committedMetadata: metadata,
  }))
  const answer = await given.transport.call('offset-commit', { groupId, ...identity, topics }, options)
  const rows = new Map(
    answer.topics.flatMap(({ name, partitions }) =>
      partitions.map((row) => [partitionName({ topic: name, partition: row.partitionIndex }), row]),
    ),
  )
  const failed: { commit: Commit; error: StratologError }[] = []
  for (const commit of commits) {
    const row = rows.get(partitionName(commit))
    const error = row === undefined ? undefined : rowError(row)
    if (error !== undefined) failed.push({ commit, error })
    else if (commit.assigned?.topicId === commit.topicId && commit.assigned !== undefined)
      commit.assigned.committed = commit.offset
  }
  const refusal = failed.find(({ error }) => !error.retriable)
  if (refusal !== undefined) given.onRefused(refusal.error, identity)
  return failed
}

/** What Kafka's consumer calls CommitFailedException: another member may have gone on from where this one was. */
function notAssigned(lost: TopicPartition | readonly TopicPartition[]): StratologError {
  const partitions = [lost].flat().map(partitionName)
  return new StratologError(
    'ILLEGAL_GENERATION',
    `commit is dropped, what it is for is not assigned to this member any more partitions=${partitions}`,
    { retriable: false, effect: 'none' },
  )
}
