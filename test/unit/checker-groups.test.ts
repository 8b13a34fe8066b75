import { describe, expect, test } from 'vitest'
import { checkGroups } from '../sim/checker-groups.ts'
import { linearizes } from '../sim/checker-register.ts'
import {
  type Assigned,
  type Commit,
  type Fetched,
  type GroupHistory,
  newGroupHistory,
} from '../sim/group-history.ts'

const KEY = 't/0'
const commit = (token: string, at: number, more: Partial<Commit> = {}): Commit => ({
  token,
  group: 'g',
  key: KEY,
  place: 'log/0',
  offset: at,
  leaderEpoch: -1,
  generationId: 1,
  memberId: 'a',
  instance: null,
  invokedAt: at,
  completedAt: at + 1,
  type: 'ok',
  ...more,
})
const fetched = (token: string, at: number, more: Partial<Fetched> = {}): Fetched => ({
  group: 'g',
  key: KEY,
  token,
  offset: token === '' ? -1 : Number(token),
  leaderEpoch: -1,
  reader: '',
  invokedAt: at,
  completedAt: at + 1,
  ...more,
})
const assigned = (memberId: string, generationId: number, at: number, more: Partial<Assigned> = {}) => ({
  group: 'g',
  generationId,
  memberId,
  instance: null,
  places: ['log/0'],
  completedAt: at,
  ...more,
})

interface Given {
  readonly name: string
  readonly commits?: readonly Commit[]
  readonly fetches?: readonly Fetched[]
  readonly assigned?: readonly Assigned[]
  readonly births?: Readonly<Record<string, { life: number; at: number }>>
  readonly removedAt?: number
  readonly deleted?: GroupHistory['deleted'][number]
  readonly topicGoneAt?: number
  /** When all generations became stable. */
  readonly stableAt?: number
  readonly generations?: GroupHistory['generations']
  readonly says: string
}

function anomalies(given: Omit<Given, 'name' | 'says'>): readonly string[] {
  const { commits = [], fetches = [], births = {}, removedAt, deleted, topicGoneAt, stableAt = 0 } = given
  const history = newGroupHistory()
  for (const one of commits) history.commits.set(one.token, one)
  history.fetches.push(...fetches)
  history.assigned.push(...(given.assigned ?? []))
  history.generations.push(...(given.generations ?? []))
  for (const [name, birth] of Object.entries(births)) history.births.set(`g/${name}`, [birth])
  for (const life of [0, 1])
    for (const generation of [1, 2]) history.stableAt.set(`g ${life} ${generation}`, stableAt)
  if (removedAt !== undefined) history.removals.push({ group: 'g', key: KEY, at: removedAt })
  if (deleted !== undefined) history.deleted.push(deleted)
  if (topicGoneAt !== undefined) history.goneTopics.set('t', topicGoneAt)
  return [...new Set(checkGroups(history).map(({ name }) => name))]
}

const BORN = { a: { life: 0, at: 0 }, b: { life: 0, at: 2 } }

test('what one coordinator can answer is nothing wrong', () => {
  const commits = [
    commit('1', 1),
    commit('4', 4, { type: 'info' }),
    commit('5', 5, { type: 'fail' }),
    commit('6', 6),
    commit('20', 20, { memberId: 'b', generationId: 2 }),
  ]
  // A commit in doubt comes as late as it likes.
  const fetches = [fetched('', 0), fetched('1', 2), fetched('6', 8), fetched('4', 10), fetched('4', 12)]
  const owners = [assigned('a', 1, 0), assigned('b', 2, 15)]
  expect(anomalies({ commits, fetches, assigned: owners, births: BORN })).toEqual([])
})

test('once a group is deleted nothing is committed, and a later one begins anew', () => {
  const deleted = { group: 'g', key: undefined, invokedAt: 3, completedAt: 6 }
  const commits = [commit('1', 1), commit('9', 9, { memberId: 'b' })]
  const births = { a: { life: 0, at: 0 }, b: { life: 1, at: 7 } }
  const owners = [assigned('a', 1, 0), assigned('b', 1, 8)]
  const fetches = [fetched('', 7), fetched('9', 11)]
  expect(anomalies({ commits, fetches, assigned: owners, births, deleted, removedAt: 5 })).toEqual([])
})

describe('of what is committed and fetched', () => {
  const cases: readonly Given[] = [
    { name: 'an offset that nobody committed', fetches: [fetched('1', 3)], says: 'phantom-commit' },
    {
      name: 'an offset of another group',
      commits: [commit('1', 1, { group: 'h' })],
      fetches: [fetched('1', 3)],
      says: 'phantom-commit',
    },
    {
      name: 'another offset than the one committed',
      commits: [commit('1', 1, { offset: 7 })],
      fetches: [fetched('1', 3)],
      says: 'altered-commit',
    },
    {
      name: 'an offset of a topic that was gone',
      commits: [commit('1', 1)],
      fetches: [fetched('1', 6)],
      topicGoneAt: 4,
      says: 'offset-of-deleted-topic',
    },
    {
      name: 'a commit that failed',
      commits: [commit('1', 1, { type: 'fail' })],
      fetches: [fetched('1', 3)],
      says: 'failed-commit',
    },
    {
      name: 'a commit that was not made yet',
      commits: [commit('5', 5)],
      fetches: [fetched('5', 1)],
      says: 'future-commit',
    },
    {
      name: 'a commit that was overwritten',
      commits: [commit('1', 1), commit('3', 3)],
      fetches: [fetched('1', 5)],
      says: 'stale-commit',
    },
    {
      name: 'a commit that was deleted',
      commits: [commit('1', 1)],
      deleted: { group: 'g', key: KEY, invokedAt: 3, completedAt: 4 },
      fetches: [fetched('1', 6)],
      removedAt: 4,
      says: 'stale-commit',
    },
    {
      name: 'commits in another order than that in which they were made',
      commits: [commit('1', 1), commit('3', 3, { completedAt: 30 })],
      fetches: [fetched('3', 5), fetched('1', 8)],
      says: 'nonmonotonic-commit',
    },
    {
      name: 'nothing after a commit',
      commits: [commit('1', 1)],
      fetches: [fetched('', 3)],
      says: 'lost-commit',
    },
    {
      name: 'nothing after a commit that came after the removal',
      commits: [commit('4', 4)],
      fetches: [fetched('', 6)],
      removedAt: 2,
      says: 'lost-commit',
    },
    {
      name: 'a member that begins below what was committed before it',
      commits: [commit('1', 1, { offset: 1 }), commit('3', 3)],
      fetches: [fetched('1', 5, { reader: 'b' })],
      says: 'commit-loss',
    },
    {
      name: 'two commits that each stood before the other',
      commits: [commit('1', 1, { completedAt: 30 }), commit('2', 2, { completedAt: 30 })],
      fetches: [fetched('1', 4), fetched('2', 6), fetched('1', 8)],
      says: 'not-linearizable',
    },
  ]
  test.each(cases)('$name is found', ({ says, ...given }) => {
    expect(anomalies(given)).toContain(says)
  })
})

describe('of who owns a partition', () => {
  const cases: readonly Given[] = [
    {
      name: 'a commit of the former owner',
      commits: [commit('9', 9)],
      assigned: [assigned('a', 1, 1), assigned('b', 2, 5)],
      births: BORN,
      says: 'zombie-commit',
    },
    {
      name: 'a commit of who was replaced under its name',
      commits: [commit('9', 9, { instance: 's' })],
      assigned: [assigned('a', 1, 1, { instance: 's' }), assigned('b', 1, 5, { instance: 's' })],
      births: BORN,
      says: 'zombie-commit',
    },
    {
      name: 'a commit of a member of the group before this one',
      commits: [commit('9', 9, { generationId: 2 })],
      assigned: [assigned('a', 2, 1), assigned('b', 1, 5)],
      births: { a: { life: 0, at: 0 }, b: { life: 1, at: 4 } },
      says: 'zombie-commit',
    },
    {
      name: 'a commit with a generation that comes again only later',
      commits: [commit('9', 9)],
      assigned: [assigned('a', 1, 1), assigned('b', 2, 5)],
      births: BORN,
      generations: [
        { group: 'g', life: 0, generationId: 1, at: 0 },
        { group: 'g', life: 1, generationId: 1, at: 12 },
      ],
      says: 'zombie-commit',
    },
    {
      name: 'a partition of two members',
      assigned: [assigned('a', 1, 1), assigned('b', 1, 2)],
      births: BORN,
      says: 'double-assignment',
    },
    {
      name: 'an assignment before all have theirs',
      assigned: [assigned('a', 1, 1)],
      births: BORN,
      stableAt: 4,
      says: 'early-assignment',
    },
  ]
  test.each(cases)('$name is found', ({ says, ...given }) => {
    expect(anomalies(given)).toContain(says)
  })

  test.each([
    { name: 'before the next owner knew of it', at: 4, by: 'b' },
    { name: 'though the next generation left it its partitions', at: 9, by: 'a' },
  ])('a commit is taken $name', ({ at, by }) => {
    const owners = [assigned('a', 1, 1), assigned(by, 2, 5)]
    expect(anomalies({ commits: [commit('4', at)], assigned: owners, births: BORN })).toEqual([])
  })

  test.each([
    { name: 'after it was deleted', births: { a: { life: 0, at: 0 }, b: { life: 1, at: 4 } } },
    { name: 'that had another owner before', births: BORN },
  ])('a commit is taken with a generation that came again in a group made anew, $name', ({ births }) => {
    const owners = [assigned('a', 1, 1), assigned('b', 2, 5)]
    const generations = [{ group: 'g', life: 1, generationId: 1, at: 7 }]
    expect(anomalies({ commits: [commit('9', 9)], assigned: owners, births, generations })).toEqual([])
  })

  test('a static member has the partitions of its former self', () => {
    const owners = [assigned('a', 1, 1, { instance: 's' }), assigned('b', 1, 5, { instance: 's' })]
    const commits = [commit('9', 9, { memberId: 'b', instance: 's' })]
    expect(anomalies({ commits, assigned: owners, births: BORN })).toEqual([])
  })
})

describe('a register', () => {
  const access = (value: string, invokedAt: number, completedAt: number) => ({
    value,
    invokedAt,
    completedAt,
  })

  test('reads that overlap a write may see it or not', () => {
    const reads = [access('', 1, 9), access('a', 1, 3), access('a', 4, 9)]
    expect(linearizes([access('a', 0, 10)], reads)).toBeUndefined()
  })

  test('what was seen is not unseen', () => {
    const reads = [access('a', 1, 3), access('', 4, 9)]
    expect(linearizes([access('a', 0, 10)], reads)).toEqual(['', 'a'])
  })

  test('a write between two reads of another value shows', () => {
    const writes = [access('a', 0, 1), access('b', 4, 5)]
    expect(linearizes(writes, [access('a', 2, 3), access('a', 6, 7)])).toEqual(['a', 'b'])
  })
})
