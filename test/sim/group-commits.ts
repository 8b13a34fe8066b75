import type { ErrorRow } from '../../shared/protocol/kafka-error.ts'
import { offsetCommit } from '../../shared/service/offset-commit.ts'
import { offsetFetch } from '../../shared/service/offset-fetch.ts'
import type { Environment } from './cluster.ts'
import { NO_ANSWER } from './company.ts'
import { callAs, type Groups, type Life, type Owned, placeOf } from './group-company.ts'
import type { Commit } from './group-history.ts'
import type { Topic } from './topics.ts'

/** Whom a commit says that it is from. */
export interface Committer {
  readonly group: string
  readonly generationId: number
  readonly memberId: string
  readonly instance: string | null
}

/** Where a commit goes to, and what it says. */
export interface CommitOf {
  readonly topic: Topic
  readonly partition: number
  readonly offset: number
  readonly leaderEpoch: number
}

/** How a call of a member, or of somebody else, is made. */
export type Call = <T>(
  what: string,
  run: (deps: Environment['deps']) => Promise<T>,
) => Promise<T | typeof NO_ANSWER | { readonly thrown: ErrorRow }>

/** Commits, each partition with a token of its own; answers what became of each. */
export async function commit(
  groups: Groups,
  committer: Committer,
  commits: readonly CommitOf[],
  call: Call,
): Promise<readonly (Commit & { readonly errorName: string | undefined })[]> {
  const { company, history } = groups
  const { scheduler, configuration, count } = company.cluster
  const { group, generationId, memberId, instance } = committer
  const usesIds = configuration.topicChanges || scheduler.chance(2)
  const begun = commits.map(({ topic, partition, offset, leaderEpoch }): Commit => {
    const noted: Commit = {
      token: groups.newToken(),
      group,
      key: `${topic.topicId}/${partition}`,
      place: placeOf(topic.name, partition),
      offset,
      leaderEpoch,
      generationId,
      memberId,
      instance,
      invokedAt: scheduler.steps(),
      completedAt: Number.MAX_SAFE_INTEGER,
      type: 'info',
    }
    history.commits.set(noted.token, noted)
    return noted
  })
  const byTopic = [...Map.groupBy(commits.keys(), (at) => commits[at]?.topic.topicId).values()]
  const topics = byTopic.map((places) => ({
    name: commits[places[0] ?? 0]?.topic.name ?? '',
    ...(usesIds ? { topicId: commits[places[0] ?? 0]?.topic.topicId ?? '' } : {}),
    partitions: places.flatMap((at) => {
      const [of, noted] = [commits[at], begun[at]]
      if (of === undefined || noted === undefined) return []
      const { partition: partitionIndex, offset: committedOffset, leaderEpoch: committedLeaderEpoch } = of
      return [{ partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata: noted.token }]
    }),
  }))
  const request = { groupId: group, generationId, memberId, groupInstanceId: instance, topics }
  const answer = await call('commit', (deps) => offsetCommit(deps, request))
  const rows =
    answer === NO_ANSWER
      ? []
      : 'thrown' in answer
        ? commits.map(() => answer.thrown)
        : answer.topics.flatMap((topic) => topic.partitions)
  return byTopic.flat().flatMap((at, position) => {
    const [noted, row] = [begun[at], rows[position]]
    if (noted === undefined) return []
    const errorName = row === undefined ? 'NO_ANSWER' : 'errorName' in row ? row.errorName : undefined
    if (row === undefined || ('errorName' in row && row.effect === 'unknown')) noted.type = 'info'
    else noted.type = 'errorName' in row ? 'fail' : 'ok'
    noted.completedAt = scheduler.steps()
    count(`group: commit ${errorName ?? 'ok'}`)
    if (noted.type === 'ok')
      count(generationId < 0 ? 'group: commit of no member' : 'group: commit of a member')
    return [{ ...noted, errorName }]
  })
}

/** What is asked for of one group's offsets. */
interface AskedFor {
  readonly group: string
  /** With their ids, or by their names alone; all there are where undefined. */
  readonly topics: readonly { readonly topic: Topic; readonly partitions: readonly number[] }[] | undefined
  readonly usesIds: boolean
  readonly reader: string
}

/** Asks where the group committed; answers that by key. An error of a partition is left out, and stands in `errors`. */
export async function fetchCommitted(
  groups: Groups,
  { group, topics, usesIds, reader }: AskedFor,
  call: Call,
) {
  const { company, history } = groups
  const { scheduler, configuration, count } = company.cluster
  const invokedAt = scheduler.steps()
  const request = {
    groupId: group,
    topics:
      topics?.map(({ topic: { name, topicId }, partitions }) => ({
        name,
        ...(usesIds ? { topicId } : {}),
        partitions: partitions.map((partitionIndex) => ({ partitionIndex })),
      })) ?? null,
    requireStable: false,
  }
  const answer = await call('offset-fetch', (deps) => offsetFetch(deps, request))
  const found = new Map<string, { readonly offset: number; readonly epoch: number }>()
  const errors = new Set<string>()
  if (answer === NO_ANSWER) return { found, errors: errors.add('NO_ANSWER') }
  if ('thrown' in answer) return { found, errors: errors.add(answer.thrown.errorName) }
  const completedAt = scheduler.steps()
  for (const [at, { name, topicId, partitions }] of answer.topics.entries()) {
    for (const row of partitions) {
      if ('errorName' in row) {
        errors.add(row.errorName)
        continue
      }
      const known = configuration.topicChanges ? undefined : topics?.[at]?.topic.topicId
      const id = topicId ?? known
      const {
        partitionIndex,
        committedOffset: offset,
        committedLeaderEpoch: leaderEpoch,
        metadata: token,
      } = row
      const key = id === undefined ? undefined : `${id}/${partitionIndex}`
      history.fetches.push({ group, key, token, offset, leaderEpoch, reader, invokedAt, completedAt })
      found.set(placeOf(name, partitionIndex), { offset, epoch: leaderEpoch })
    }
  }
  count(`group: offset-fetch ${[...errors][0] ?? 'ok'}`)
  return { found, errors }
}

/** A member commits how far it came with what it owns; it learns from errors that it is none any more. */
export async function commitOwned(groups: Groups, life: Life, owned: readonly Owned[]): Promise<void> {
  const commits = owned.flatMap(({ topic, partition, position }) => {
    if (topic === undefined || position === undefined) return []
    return [{ topic, partition, offset: position.offset, leaderEpoch: position.epoch }]
  })
  if (commits.length === 0 || life.generationId < 0) return
  const outcomes = await commit(groups, { ...life }, commits, (what, run) => callAs(groups, life, what, run))
  for (const { type, place, completedAt, errorName } of outcomes) {
    const one = owned.find(({ name, partition }) => placeOf(name, partition) === place)
    if (one !== undefined && type === 'ok') one.committedAt = completedAt
    if (errorName !== undefined && TOPIC_GONE.has(errorName) && one !== undefined) forget(one)
    if (errorName !== undefined && NO_MEMBER.has(errorName)) life.mustJoin = true
  }
}

/** The place stands for another topic by now, or for none. */
export function forget(one: Owned): void {
  one.topic = undefined
  one.position = undefined
}

const TOPIC_GONE: ReadonlySet<string> = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'UNKNOWN_TOPIC_ID',
  'INCONSISTENT_TOPIC_ID',
])
/** Of commits: what sends the committer back to join. */
export const NO_MEMBER: ReadonlySet<string> = new Set([
  'UNKNOWN_MEMBER_ID',
  'ILLEGAL_GENERATION',
  'FENCED_INSTANCE_ID',
  'REBALANCE_IN_PROGRESS',
])
