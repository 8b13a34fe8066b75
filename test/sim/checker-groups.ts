import { linearizes } from './checker-register.ts'
import type { Anomaly } from './checker-view.ts'
import type { Assigned, Birth, Commit, Deleted, Fetched, GroupHistory } from './group-history.ts'
import type { Key } from './history.ts'

/** What concerns one key of one group. */
interface GroupView {
  readonly group: string
  readonly key: Key
  readonly commits: readonly Commit[]
  readonly fetches: readonly Fetched[]
  readonly deleted: readonly Deleted[]
  /** When its offset ceased to be there. */
  readonly removals: readonly number[]
  readonly byToken: ReadonlyMap<string, Commit>
}

/**
 * Everything that the history of groups shows which must not be. A commit names itself in what is fetched, so that each
 * fetch says which commit it returns.
 */
export function checkGroups(history: GroupHistory): readonly Anomaly[] {
  const anomalies = [phantoms, zombieCommits, doubleAssignments, earlyAssignments].flatMap((check) =>
    check(history),
  )
  for (const view of viewsOf(history)) for (const check of CHECKS) anomalies.push(...check(view))
  return anomalies
}

const anomaly = (name: string, { group, key }: { group: string; key: Key }, text: string): Anomaly => ({
  name,
  text: `${group} ${key}: ${text}`,
})

/** When it is certain that a commit does not come any more. */
const endOf = ({ type, completedAt }: Commit): number =>
  type === 'info' ? Number.MAX_SAFE_INTEGER : completedAt

/** Fetched offsets that nobody committed so, and those of a topic that was gone before it was asked. */
function phantoms({ commits, fetches, goneTopics }: GroupHistory): readonly Anomaly[] {
  return fetches.flatMap((fetched) => {
    const { token, group, key, offset, leaderEpoch, invokedAt } = fetched
    if (token === '') return []
    const found = commits.get(token)
    const of = { group, key: key ?? found?.key ?? '' }
    if (found === undefined || found.group !== group || (key !== undefined && found.key !== key))
      return [anomaly('phantom-commit', of, `${token} was fetched, and was not committed there`)]
    if (found.offset !== offset || found.leaderEpoch !== leaderEpoch)
      return [anomaly('altered-commit', of, `${token} was ${found.offset}, and is ${offset}`)]
    const goneAt = goneTopics.get(found.key.split('/')[0] ?? '') ?? Number.MAX_SAFE_INTEGER
    return goneAt < invokedAt ? [anomaly('offset-of-deleted-topic', of, `${token} outlived its topic`)] : []
  })
}

const failedCommit = ({ fetches, byToken, ...of }: GroupView) =>
  fetches.flatMap(({ token }) =>
    byToken.get(token)?.type === 'fail'
      ? [anomaly('failed-commit', of, `${token} had no effect, it was said, and was fetched`)]
      : [],
  )

const futureCommit = ({ fetches, byToken, ...of }: GroupView) =>
  fetches.flatMap(({ token, completedAt }) =>
    (byToken.get(token)?.invokedAt ?? 0) > completedAt
      ? [anomaly('future-commit', of, `${token} was fetched before it was committed`)]
      : [],
  )

/** The fetched commit was certainly overwritten, or deleted. */
const staleCommit = ({ fetches, commits, deleted, byToken, ...of }: GroupView) =>
  fetches.flatMap(({ token, invokedAt }) => {
    const found = byToken.get(token)
    if (found === undefined) return []
    const end = endOf(found)
    const over = commits.find(
      (other) => other.type === 'ok' && end < other.invokedAt && other.completedAt < invokedAt,
    )
    const gone = deleted.some((other) => end < other.invokedAt && other.completedAt < invokedAt)
    const by = over?.token ?? 'a deletion'
    return over === undefined && !gone
      ? []
      : [anomaly('stale-commit', of, `${token} was fetched, after ${by} had taken its place`)]
  })

/** Two fetches, one after the other, see commits in the order in which these were made. */
const nonmonotonicCommit = ({ fetches, byToken, ...of }: GroupView) =>
  fetches.flatMap((fetched) => {
    const found = byToken.get(fetched.token)
    if (found === undefined) return []
    const before = fetches.find(
      ({ token, completedAt }) =>
        completedAt < fetched.invokedAt && endOf(found) < (byToken.get(token)?.invokedAt ?? -1),
    )
    return before === undefined
      ? []
      : [anomaly('nonmonotonic-commit', of, `${fetched.token} was fetched after ${before.token}`)]
  })

/** Nothing was fetched, after a commit that nobody removed. */
const lostCommit = ({ fetches, commits, removals, ...of }: GroupView) =>
  fetches.flatMap(({ token, invokedAt, completedAt }) => {
    if (token !== '') return []
    const removedAt = Math.max(-1, ...removals.filter((at) => at <= completedAt))
    const lost = commits.find(
      (one) => one.type === 'ok' && one.completedAt < invokedAt && one.invokedAt > removedAt,
    )
    return lost === undefined ? [] : [anomaly('lost-commit', of, `nothing was fetched after ${lost.token}`)]
  })

/** A member begins below what the one before it committed, where it is certain in which order all commits came. */
const commitLoss = ({ fetches, commits, removals, ...of }: GroupView) =>
  fetches.flatMap(({ reader, offset, invokedAt, completedAt }) => {
    const before = commits.filter((one) => one.type !== 'fail' && one.invokedAt < completedAt)
    const last = before.at(-1)
    if (reader === '' || last === undefined || before.some(({ type }) => type === 'info')) return []
    const isSettled = before.every((one) => one === last || one.completedAt < last.invokedAt)
    if (!isSettled || last.completedAt >= invokedAt || removals.some((at) => at > last.invokedAt)) return []
    return offset < last.offset
      ? [anomaly('commit-loss', of, `${reader} begins at ${offset}, ${last.token} was ${last.offset}`)]
      : []
  })

/** All of it happened in some order, one after the other. Where nothing is fetched nobody knows what removed it. */
const notLinearizable = ({ fetches, commits, removals, byToken, ...of }: GroupView) => {
  if (removals.length > 0) return []
  const read = new Set(fetches.map(({ token }) => token))
  const writes = commits.filter(({ type, token }) => type === 'ok' || (type === 'info' && read.has(token)))
  const clash = linearizes(
    writes.map((one) => ({ value: one.token, invokedAt: one.invokedAt, completedAt: endOf(one) })),
    fetches.map(({ token, invokedAt, completedAt }) => ({ value: token, invokedAt, completedAt })),
  )
  return clash === undefined ? [] : [anomaly('not-linearizable', of, `no order has ${clash.join(' and ')}`)]
}

const CHECKS: readonly ((view: GroupView) => readonly Anomaly[])[] = [
  failedCommit,
  futureCommit,
  staleCommit,
  nonmonotonicCommit,
  lostCommit,
  commitLoss,
  notLinearizable,
]

/**
 * A commit is taken of who was told to be an owner before another one was. Only in a group that was deleted and made anew may
 * a generation come again (docs/groups.md), with which such a commit is taken.
 */
function zombieCommits({ commits, assigned, births, generations }: GroupHistory): readonly Anomaly[] {
  const birthOf = ({ group, memberId, completedAt }: Assigned | Commit) =>
    bornBy(births, group, memberId, completedAt)
  const byPlace = new Map<string, Assigned[]>()
  for (const one of assigned) {
    for (const place of one.places) {
      const name = `${one.group} ${place}`
      byPlace.set(name, [...(byPlace.get(name) ?? []), one])
    }
  }
  const cameAgain = ({ group, generationId, completedAt }: Commit, { life }: Birth) =>
    generations.some(
      (other) =>
        other.group === group &&
        other.generationId === generationId &&
        other.life > life &&
        other.at < completedAt,
    )
  return [...commits.values()].flatMap((commit) => {
    const { group, place, memberId, generationId, type, invokedAt, instance, token } = commit
    if (type !== 'ok' || generationId < 0) return []
    const own = birthOf(commit)
    const later = byPlace.get(`${group} ${place}`)?.find((other) => {
      if (other.memberId === memberId || other.completedAt >= invokedAt) return false
      const birth = birthOf(other)
      if (own === undefined || birth === undefined) return false
      if (birth.life !== own.life) return birth.life > own.life
      if (other.generationId !== generationId) return other.generationId > generationId
      return instance !== null && other.instance === instance && birth.at > own.at
    })
    if (later === undefined || own === undefined || cameAgain(commit, own)) return []
    const text = `${token} of ${memberId} in generation ${generationId} was taken, after ${later.memberId} had it in ${later.generationId}`
    return [anomaly('zombie-commit', commit, text)]
  })
}

/** When a member came last, by then: an id may come again, to the same group or to one that was made anew. */
function bornBy(
  births: GroupHistory['births'],
  group: string,
  memberId: string,
  completedAt: number,
): Birth | undefined {
  return births.get(`${group}/${memberId}`)?.findLast(({ at }) => at <= completedAt)
}

/** One partition is two members' in one generation; a static member and its former self are one. */
function doubleAssignments({ assigned, births }: GroupHistory): readonly Anomaly[] {
  const owners = new Map<string, Assigned>()
  return assigned.flatMap((one) => {
    const { group, memberId, generationId, instance, completedAt } = one
    const life = bornBy(births, group, memberId, completedAt)?.life
    return one.places.flatMap((place) => {
      const name = `${group} ${life} ${generationId} ${place}`
      const other = owners.get(name)
      owners.set(name, one)
      const isSame = other?.memberId === memberId || (instance !== null && other?.instance === instance)
      return other === undefined || isSame
        ? []
        : [
            anomaly(
              'double-assignment',
              { group, key: place },
              `it is ${other.memberId}'s and ${memberId}'s in generation ${generationId}`,
            ),
          ]
    })
  })
}

/** A member learns what it has before that is settled, and the former owners can commit no more. */
function earlyAssignments({ assigned, births, stableAt }: GroupHistory): readonly Anomaly[] {
  return assigned.flatMap(({ group, memberId, generationId, completedAt }) => {
    const life = bornBy(births, group, memberId, completedAt)?.life
    const at = stableAt.get(`${group} ${life} ${generationId}`)
    const text = `${memberId} was assigned partitions in generation ${generationId}, which is not stable`
    return at !== undefined && at <= completedAt
      ? []
      : [anomaly('early-assignment', { group, key: memberId }, text)]
  })
}

function viewsOf({ commits, fetches, deleted, removals }: GroupHistory): readonly GroupView[] {
  const nameOf = ({ group, key }: { readonly group: string; readonly key: Key | undefined }) =>
    `${group} ${key}`
  const fetched = fetches.flatMap((one) => {
    // A name alone does not say of which topic nothing was found, but a token says of which one it is.
    const key = one.key ?? commits.get(one.token)?.key
    return key === undefined ? [] : [{ ...one, key }]
  })
  const [fetchesOf, removalsOf] = [Map.groupBy(fetched, nameOf), Map.groupBy(removals, nameOf)]
  return [...Map.groupBy(commits.values(), nameOf)].flatMap(([name, ofKey]) => {
    const [first] = ofKey
    if (first === undefined) return []
    const { group, key } = first
    return [
      {
        group,
        key,
        commits: ofKey,
        fetches: fetchesOf.get(name) ?? [],
        deleted: deleted.filter((one) => one.group === group && (one.key === undefined || one.key === key)),
        removals: (removalsOf.get(name) ?? []).map(({ at }) => at),
        byToken: new Map(ofKey.map((one) => [one.token, one])),
      },
    ]
  })
}
