import { describe, expect, test } from 'vitest'
import { toExpression } from '../../shared/aws/to-expression.ts'
import { applyPlan } from '../../shared/core/apply-plan.ts'
import { type Group, type Member, NEW_GROUP } from '../../shared/core/group/group.ts'
import { isPendingMemberId, newMemberId } from '../../shared/core/group/membership-id.ts'
import { decideJoin, type JoinCommand } from '../../shared/core/group/membership-join.ts'
import { departure, findExpired } from '../../shared/core/group/membership-leave.ts'
import { commonProtocolsOf, selectProtocol } from '../../shared/core/group/membership-protocols.ts'
import { completeRebalance, extendedInitialEnd } from '../../shared/core/group/membership-rebalance.ts'
import { replaceStaticMember } from '../../shared/core/group/membership-static.ts'
import { ulidBytes, ulidText } from '../../shared/core/ulid.ts'
import { memberId as memberIdSchema } from '../../shared/protocol/api/groups.ts'
import { decodeGroup, encodeGroup } from '../../shared/store/items/group-item.ts'
import { decodeMember, encodeMember } from '../../shared/store/items/member-item.ts'

const NOW_MS = 1_700_000_000_000

const member = (memberId: string, changes: Partial<Member> = {}): Member => ({
  memberId,
  groupInstanceId: undefined,
  clientId: 'client',
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 30_000,
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: '' }],
  offeredGeneration: -1,
  expiresAtMs: NOW_MS + 10_000,
  syncedGeneration: -1,
  assignedGeneration: -1,
  assignment: '',
  ...changes,
})

const offering = (memberId: string, ...names: readonly string[]): Member =>
  member(memberId, { protocols: names.map((name) => ({ name, metadata: '' })) })

describe('a look at all members', () => {
  const look = (...members: readonly Member[]) => findExpired(NEW_GROUP, members, NOW_MS)

  test('finds who expired, and when the next one may', () => {
    const [gone, there] = [member('a', { expiresAtMs: NOW_MS }), member('b')]
    expect(look(gone, there)).toMatchObject({ expired: [gone], nextCheckMs: NOW_MS + 10_000 })
  })

  test('that finds nobody is followed by one within minutes: who looked may die before the group is empty', () => {
    expect(look(member('a', { expiresAtMs: NOW_MS })).nextCheckMs).toBe(NOW_MS + 300_000)
  })
})

describe('a member id', () => {
  const ulid = ulidText(ulidBytes(NOW_MS, new Uint8Array(10)))

  test('names the client and is pending for a session', () => {
    const memberId = newMemberId('client', ulid)
    expect(memberId).toBe(`client-${ulid}`)
    expect(isPendingMemberId(memberId, NOW_MS, 10_000)).toBe(true)
    expect(isPendingMemberId(memberId, NOW_MS + 9999, 10_000)).toBe(true)
    expect(isPendingMemberId(memberId, NOW_MS + 10_000, 10_000)).toBe(false)
    // Another machine's clock may be a little behind.
    expect(isPendingMemberId(memberId, NOW_MS - 1000, 10_000)).toBe(true)
    expect(isPendingMemberId(memberId, NOW_MS - 61_000, 10_000)).toBe(false)
  })

  test.each(['', 'client', ulid, `client_${ulid}`, `client-${ulid.toLowerCase()}`, `client-${ulid}x`])(
    'is not %j, which nobody was given',
    (memberId) => {
      expect(isPendingMemberId(memberId, NOW_MS, 10_000)).toBe(false)
    },
  )

  test.each(['x'.repeat(1000), '☃'.repeat(300), '\ud800', '😀'.repeat(100)])(
    'fits into a request whatever the client is called',
    (name) => {
      const memberId = newMemberId(name, ulid)
      expect(memberIdSchema.parse(memberId)).toBe(memberId)
      expect(isPendingMemberId(memberId, NOW_MS, 10_000)).toBe(true)
    },
  )
})

describe('the assignor', () => {
  test.each([
    { name: 'of one member is its first', offers: [['b', 'a']], expected: 'b' },
    {
      name: 'is the one that most want most',
      offers: [
        ['a', 'b'],
        ['b', 'a'],
        ['b', 'a'],
      ],
      expected: 'b',
    },
    { name: 'is one that all offer', offers: [['x', 'a'], ['x', 'a'], ['a']], expected: 'a' },
    {
      name: 'with as many votes is the first by name',
      offers: [
        ['b', 'a'],
        ['a', 'b'],
      ],
      expected: 'a',
    },
    { name: 'of members that have none in common is none', offers: [['a'], ['b']], expected: '' },
  ])('$name', ({ offers, expected }) => {
    const members = offers.map((names, index) => offering(`m${index}`, ...names))
    expect(selectProtocol(members, commonProtocolsOf(members))).toBe(expected)
  })
})

describe('members that leave at once', () => {
  const names = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`member-${at}`, `instance-${at}`]))
  const preparing = (count: number): Group => ({
    ...NEW_GROUP,
    state: 'PreparingRebalance',
    leader: 'member-0',
    joined: { stays: true },
    awaited: Object.fromEntries(Object.keys(names(count)).map((name) => [name, true])),
    instances: Object.fromEntries(Object.entries(names(count)).map(([name, instance]) => [instance, name])),
  })

  test('leave no leader behind that came to lead meanwhile', () => {
    const { leader: _, ...group } = preparing(1)
    const gone = departure({ ...group, leader: '' }, ['member-0'], NOW_MS)
    if (gone.next !== 'leave') throw new Error(gone.next)
    const item = {
      ...encodeGroup({ ...group, leader: 'member-0' }, { groupId: 'g', retentionMs: 1 }),
      ver: 2,
    }
    expect(applyPlan(item, gone.plan).applied).toBe(false)
  })

  test.each([1, 50, 51, 1000])('%i of them fit into an expression, and nobody else goes', (count) => {
    const group = preparing(count)
    const gone = departure(group, Object.keys(names(count)), NOW_MS)
    if (gone.next === 'leave') {
      const { ConditionExpression = '', UpdateExpression = '' } = toExpression(gone.plan)
      expect(ConditionExpression.length).toBeLessThan(4096)
      expect(UpdateExpression.length).toBeLessThan(4096)
    }
    const item = { ...encodeGroup(group, { groupId: 'g', retentionMs: 1 }), ver: 1 }
    const after =
      gone.next === 'leave' ? decodeGroup(applyPlan(item, gone.plan).item ?? {}).group : gone.group
    expect(after).toEqual({ ...group, leader: '', joined: { stays: true }, awaited: {}, instances: {} })
  })
})

describe('the names of the members', () => {
  const joining = (groupInstanceId: string): JoinCommand => ({
    memberId: '',
    newMemberId: `${groupInstanceId}-new`,
    groupInstanceId,
    clientId: '',
    sessionTimeoutMs: 1,
    rebalanceTimeoutMs: 1,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: '' }],
  })
  const long = (at: number) => `${at}`.padEnd(850, 'x')

  test('stay within a document: whoever is too much is told that the group is full', () => {
    const rules = { initialDelayMs: 0, maxMembers: 1000 }
    let group: Group = {
      ...NEW_GROUP,
      state: 'PreparingRebalance',
      protocolType: 'consumer',
      commonProtocols: { range: true },
    }
    let members = 0
    const join = (name: string) => {
      const decision = decideJoin({ group, own: undefined, members: [] }, joining(name), NOW_MS, rules)
      if (decision.next !== 'join') throw new Error(decision.next)
      const item = { ...encodeGroup(group, { groupId: 'g', retentionMs: 1 }), ver: 1 }
      group = decodeGroup(applyPlan(item, decision.plan).item ?? {}).group
    }
    expect(() => {
      for (; members < 1000; members += 1) join(long(members))
    }).toThrow(expect.objectContaining({ errorName: 'GROUP_MAX_SIZE_REACHED' }))
    expect(members).toBeGreaterThan(90)
    expect(Buffer.byteLength(JSON.stringify(group))).toBeLessThan(300 * 1024)
    // Who is a member already may come back.
    const back = decideJoin(
      { group, own: undefined, members: [member('m', { groupInstanceId: long(0) })] },
      joining(long(0)),
      NOW_MS,
      rules,
    )
    expect(back.next).toBe('replace')
  })
})

describe('a static member that comes back with a shorter session', () => {
  test('is looked after in time', () => {
    const former = member('m', { groupInstanceId: 'i', sessionTimeoutMs: 1_800_000, assignedGeneration: 0 })
    const group: Group = {
      ...NEW_GROUP,
      state: 'Stable',
      protocolName: 'range',
      joined: { m: true },
      instances: { i: 'm' },
      nextExpiryCheckMs: NOW_MS + 1_800_000,
    }
    const back = { ...former, memberId: 'n', sessionTimeoutMs: 6000, expiresAtMs: NOW_MS + 6000 }
    const { group: after } = replaceStaticMember(group, {
      formerMemberId: 'm',
      member: back,
      members: [former],
      nowMs: NOW_MS,
    })
    expect(after).toMatchObject({ state: 'Stable', joined: { n: true }, nextExpiryCheckMs: NOW_MS + 6000 })
  })
})

describe('the wait for first members', () => {
  const rules = { initialDelayMs: 3000, maxMembers: 10 }
  const waiting = (rebalanceTimeoutMs: number): Group => ({
    ...NEW_GROUP,
    state: 'PreparingRebalance',
    rebalanceTimeoutMs,
    initialSinceMs: NOW_MS,
    rebalanceEndsAtMs: NOW_MS + 3000,
  })

  test.each([
    { afterMs: 0, endMs: 6000 },
    { afterMs: 2999, endMs: 6000 },
    { afterMs: 3000, endMs: 9000 },
    { afterMs: 8999, endMs: 10_000 },
    { afterMs: 9500, endMs: 10_000 },
  ])('of 10 s at most: another one after $afterMs ms has it end after $endMs ms', ({ afterMs, endMs }) => {
    expect(extendedInitialEnd(waiting(10_000), NOW_MS + afterMs, rules)).toBe(NOW_MS + endMs)
  })

  test('lasts as long as the delay, however short a rebalance may be', () => {
    expect(extendedInitialEnd(waiting(1000), NOW_MS + 500, rules)).toBe(NOW_MS + 3000)
  })

  test('without a delay is none', () => {
    const group = { ...waiting(10_000), rebalanceEndsAtMs: NOW_MS }
    expect(extendedInitialEnd(group, NOW_MS + 1, { ...rules, initialDelayMs: 0 })).toBe(NOW_MS)
  })
})

describe('a completed rebalance', () => {
  const prepared: Group = {
    ...NEW_GROUP,
    state: 'PreparingRebalance',
    generationId: 4,
    protocolType: 'consumer',
    leader: 'a',
    joined: { b: true, c: true },
    awaited: { a: true, s: true },
    commonProtocols: { range: true },
    instances: { i: 's' },
  }

  test('has who joined, and static members; who is not there any more is left out, and somebody else leads', () => {
    const members = [member('b'), member('s', { groupInstanceId: 'i' }), member('a'), member('stranger')]
    const next = completeRebalance(prepared, members, NOW_MS)
    expect(next).toMatchObject({ state: 'CompletingRebalance', generationId: 5, leader: 'b', awaited: {} })
    expect(Object.keys(next.joined)).toEqual(['b', 's'])
    expect(next.instances).toEqual({ i: 's' })
  })

  test('leaves out who wrote down an offer that was refused', () => {
    const next = completeRebalance(prepared, [member('b'), offering('c', 'sticky')], NOW_MS)
    expect(next).toMatchObject({ protocolName: 'range', joined: { b: true } })
    expect(Object.keys(next.joined)).toEqual(['b'])
  })
})

describe('documents', () => {
  const due = { groupId: 'g', retentionMs: 1000 }

  test('keep every name, those that JavaScript has its own mind about too', () => {
    const names = JSON.parse('{"__proto__": true, "constructor": true}')
    const group: Group = {
      ...NEW_GROUP,
      commonProtocols: names,
      instances: JSON.parse('{"__proto__": "m1"}'),
    }
    const { group: read, version } = decodeGroup({ ...encodeGroup(group, due), ver: 3 })
    expect(version).toBe(3)
    expect(Object.keys(read.commonProtocols)).toEqual(['__proto__', 'constructor'])
    expect(Object.entries(read.instances)).toEqual([['__proto__', 'm1']])
  })

  test.each([
    { state: 'Stable', dueAtMs: 300_000 },
    { state: 'PreparingRebalance', dueAtMs: 300_000 },
    { state: 'Empty', dueAtMs: 1005 },
    { state: 'Dead', dueAtMs: 0 },
  ] as const)('of a group that is $state: due at $dueAtMs', ({ state, dueAtMs }) => {
    const group = { ...NEW_GROUP, state, nextExpiryCheckMs: 7, emptySinceMs: 5 }
    expect(encodeGroup(group, due).dueAtMs).toBe(dueAtMs)
  })

  test.each([member('m'), member('m', { groupInstanceId: 'i', assignment: 'eA==', assignedGeneration: 2 })])(
    'of a member are read as they were stored',
    (stored) => {
      expect(decodeMember({ ...encodeMember(stored), ver: 1 })).toEqual({ member: stored, version: 1 })
    },
  )
})
