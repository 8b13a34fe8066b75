import { describe, expect, test } from 'vitest'
import { byTopic, type TopicPartition } from '../../client/consumer/consumer-record.ts'
import { fetchOutcome } from '../../client/consumer/fetch-outcome.ts'
import { type MemberReaction, reactionTo } from '../../client/consumer/group-errors.ts'
import { idleBackoff } from '../../client/consumer/idle-backoff.ts'
import { keyOrder } from '../../client/consumer/key-order.ts'
import { type InFlight, offsetTracker } from '../../client/consumer/offset-tracker.ts'
import { rebalanceDiff, revokedBeforeJoin } from '../../client/consumer/rebalance-diff.ts'
import { subscribedTopics } from '../../client/consumer/subscription.ts'
import { rowError } from '../../client/index.ts'
import { ERRORS, type ErrorName } from '../../shared/protocol/error-table.ts'
import { seededRandom } from '../support/seeded-random.ts'

const failure = (errorName: ErrorName) => ({
  errorCode: ERRORS[errorName].code,
  errorName,
  errorMessage: 'refused',
  retriable: ERRORS[errorName].retriable,
  effect: ERRORS[errorName].effect,
})

describe('offsets that are processed', () => {
  const behind = (offset: number, leaderEpoch = 0) => ({ offset: offset + 1, leaderEpoch })

  test('nothing is while nothing was finished', () => {
    const tracker = offsetTracker()
    tracker.begin(behind(7))
    expect(tracker.processed()).toBeUndefined()
    expect(tracker.unfinished()).toBe(1)
  })

  test('a start counts as processed', () => {
    expect(offsetTracker({ offset: 5, leaderEpoch: -1 }).processed()).toEqual({ offset: 5, leaderEpoch: -1 })
  })

  test('they end below the lowest unfinished record, with the epoch of the record before it', () => {
    const tracker = offsetTracker()
    const [first, second, third] = [behind(0, 1), behind(1, 1), behind(2, 2)].map((at) => tracker.begin(at))
    if (!first || !second || !third) throw new Error('three began')
    tracker.finish(third)
    expect(tracker.processed()).toBeUndefined()
    tracker.finish(first)
    expect(tracker.processed()).toEqual({ offset: 1, leaderEpoch: 1 })
    tracker.finish(second)
    expect(tracker.processed()).toEqual({ offset: 3, leaderEpoch: 2 })
    expect(tracker.unfinished()).toBe(0)
  })

  test('offsets without records are passed once all before them are finished', () => {
    const tracker = offsetTracker()
    const record = tracker.begin(behind(0))
    tracker.finish(tracker.begin({ offset: 9, leaderEpoch: 3 }))
    expect(tracker.processed()).toBeUndefined()
    tracker.finish(record)
    expect(tracker.processed()).toEqual({ offset: 9, leaderEpoch: 3 })
  })

  test('in any order of thousands, they are the lowest that is unfinished', () => {
    const random = seededRandom(7)
    const tracker = offsetTracker()
    const open = new Map<number, InFlight>()
    for (let next = 0; next < 5000 || open.size > 0; ) {
      if (next < 5000 && (open.size === 0 || (open.size < 50 && random.integer(0, 1) === 0))) {
        open.set(next, tracker.begin(behind(next)))
        next += 1
      } else {
        const [offset, inFlight] = [...open][random.integer(0, open.size - 1)] ?? []
        if (offset === undefined || inFlight === undefined) throw new Error('one is open')
        open.delete(offset)
        tracker.finish(inFlight)
      }
      expect(tracker.processed()?.offset ?? 0).toBe(Math.min(next, ...open.keys()))
    }
  })
})

describe('order per key', () => {
  const order = (text: string) => {
    const items = [...text].map((letter, at) => `${letter}${at}`)
    return keyOrder(items, (item) => (item[0] === '-' ? null : (item[0] ?? null)))
  }

  test('others go on while a key is busy, its records follow one by one', () => {
    const keys = order('aaba')
    expect([keys.next(), keys.next(), keys.next()]).toEqual(['a0', 'b2', undefined])
    keys.finished('a0')
    expect([keys.next(), keys.next()]).toEqual(['a1', undefined])
    expect(keys.rest()).toEqual(['a3'])
    keys.finished('a1')
    expect([keys.next(), keys.rest()]).toEqual(['a3', []])
  })

  test('records without a key wait for none', () => {
    const keys = order('--a-')
    expect([keys.next(), keys.next(), keys.next(), keys.next()]).toEqual(['-0', '-1', 'a2', '-3'])
  })

  test('however they finish, each is given once and those of a key in order', () => {
    const random = seededRandom(3)
    const text = Array.from({ length: 400 }, () => 'abcd-'[random.integer(0, 4)]).join('')
    const keys = order(text)
    const running: string[] = []
    const given: string[] = []
    while (given.length < 400 || running.length > 0) {
      const next = running.length < 3 ? keys.next() : undefined
      if (next !== undefined) {
        expect(running.filter((item) => item[0] === next[0] && item[0] !== '-')).toEqual([])
        running.push(next)
        given.push(next)
        continue
      }
      const [ended] = running.splice(random.integer(0, running.length - 1), 1)
      if (ended !== undefined) keys.finished(ended)
    }
    expect(new Set(given).size).toBe(400)
    for (const key of 'abcd') {
      const places = given.filter((item) => item[0] === key).map((item) => Number(item.slice(1)))
      expect(places).toEqual([...places].sort((a, b) => a - b))
    }
  })
})

test('an idle consumer waits 0.2 s, then ever longer up to 5 s, and not at all once there was something', () => {
  const idle = idleBackoff()
  expect(idle.isIdle()).toBe(false)
  const waits = Array.from({ length: 7 }, () => idle.missed())
  expect(waits).toEqual([200, 400, 800, 1600, 3200, 5000, 5000])
  expect(idle.isIdle()).toBe(true)
  idle.found()
  expect([idle.isIdle(), idle.missed()]).toEqual([false, 200])
})

test.each<{ errorName: ErrorName; reaction: MemberReaction }>([
  { errorName: 'REBALANCE_IN_PROGRESS', reaction: 'rejoin' },
  { errorName: 'MEMBER_ID_REQUIRED', reaction: 'rejoin' },
  { errorName: 'ILLEGAL_GENERATION', reaction: 'loseGeneration' },
  { errorName: 'UNKNOWN_MEMBER_ID', reaction: 'loseMember' },
  { errorName: 'COORDINATOR_NOT_AVAILABLE', reaction: 'retry' },
  { errorName: 'REQUEST_TIMED_OUT', reaction: 'retry' },
  { errorName: 'FENCED_INSTANCE_ID', reaction: 'fatal' },
  { errorName: 'GROUP_AUTHORIZATION_FAILED', reaction: 'fatal' },
  { errorName: 'INCONSISTENT_GROUP_PROTOCOL', reaction: 'fatal' },
  { errorName: 'GROUP_MAX_SIZE_REACHED', reaction: 'fatal' },
])('a member that is answered $errorName: $reaction', ({ errorName, reaction }) => {
  const error = rowError(failure(errorName))
  expect(error && reactionTo(error)).toBe(reaction)
})

describe('what a rebalance changes', () => {
  const parse = (text: string): TopicPartition[] =>
    text
      .split(' ')
      .filter((name) => name !== '')
      .map((name) => ({ topic: name.slice(0, -1), partition: Number(name.slice(-1)) }))
  const show = (partitions: readonly TopicPartition[]) =>
    partitions.map(({ topic, partition }) => `${topic}${partition}`).join(' ')

  test.each([
    { owned: '', assigned: 'b1 a0', added: 'a0 b1', revoked: '', kept: '' },
    { owned: 'a0 a1', assigned: 'a1 a2', added: 'a2', revoked: 'a0', kept: 'a1' },
    { owned: 'a1 a0', assigned: '', added: '', revoked: 'a0 a1', kept: '' },
  ])('owned "$owned", assigned "$assigned"', ({ owned, assigned, ...then }) => {
    const { added, revoked, kept } = rebalanceDiff(parse(owned), parse(assigned))
    expect({ added: show(added), revoked: show(revoked), kept: show(kept) }).toEqual(then)
  })

  test('an eager member gives up all before it joins, a cooperative one what it does not subscribe to any more', () => {
    const owned = parse('b0 a1 a0')
    expect(show(revokedBeforeJoin('EAGER', owned, new Set(['a', 'b'])))).toBe('a0 a1 b0')
    expect(show(revokedBeforeJoin('COOPERATIVE', owned, new Set(['a', 'b'])))).toBe('')
    expect(show(revokedBeforeJoin('COOPERATIVE', owned, new Set(['a'])))).toBe('b0')
  })
})

describe('subscribed topics', () => {
  const known = ['orders', 'orders-eu', 'users', '__offsets'].map((name) => ({
    name,
    isInternal: name.startsWith('__'),
  }))
  test.each([
    {
      name: 'a name counts whether it exists or not',
      selectors: ['zoo', 'orders'],
      names: ['orders', 'zoo'],
    },
    { name: 'a pattern matches what exists', selectors: [/^orders/], names: ['orders', 'orders-eu'] },
    { name: 'a pattern matches no internal topic', selectors: [/s$/], names: ['orders', 'users'] },
    {
      name: 'a pattern with a memory skips none',
      selectors: [/s/g],
      names: ['orders', 'orders-eu', 'users'],
    },
    { name: 'what is named twice counts once', selectors: ['users', /users/], names: ['users'] },
  ])('$name', ({ selectors, names }) => {
    expect(subscribedTopics(selectors, known)).toEqual(names)
  })
})

describe('a fetched row', () => {
  test.each<{ errorName: ErrorName; kind: string }>([
    { errorName: 'OFFSET_OUT_OF_RANGE', kind: 'outOfRange' },
    { errorName: 'FENCED_LEADER_EPOCH', kind: 'stale' },
    { errorName: 'LEADER_NOT_AVAILABLE', kind: 'stale' },
    { errorName: 'UNKNOWN_TOPIC_ID', kind: 'stale' },
    { errorName: 'TOPIC_AUTHORIZATION_FAILED', kind: 'failed' },
    { errorName: 'CORRUPT_MESSAGE', kind: 'failed' },
  ])('with $errorName is $kind', ({ errorName, kind }) => {
    expect(fetchOutcome(failure(errorName))).toMatchObject({ kind, error: { errorName } })
  })

  test('with a diverging epoch is truncated, and without an error it has records', () => {
    const divergingEpoch = { epoch: 3, endOffset: 7 }
    expect(fetchOutcome({ errorCode: 0, divergingEpoch })).toEqual({ kind: 'truncated', divergingEpoch })
    expect(fetchOutcome({ errorCode: 0 })).toEqual({ kind: 'records' })
  })
})

test('partitions are asked for by topic', () => {
  const partitions = [
    { topic: 'a', partition: 1 },
    { topic: 'b', partition: 0 },
    { topic: 'a', partition: 0 },
  ]
  expect(byTopic(partitions, ({ partition }) => partition)).toEqual([
    { name: 'a', partitions: [1, 0] },
    { name: 'b', partitions: [0] },
  ])
})
