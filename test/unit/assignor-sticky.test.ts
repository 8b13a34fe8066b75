import { expect, test } from 'vitest'
import { stickyAssignor } from '../../client/assignors/sticky.ts'
import { member, partitions, shares } from '../support/assignor-members.ts'

const had = (names: readonly string[], generationId: number) => ({
  userData: stickyAssignor.subscriptionUserData(partitions(names), generationId),
})

const FOUR_OF_TWO = new Map(['t0', 't1', 't2', 't3'].map((topic) => [topic, 2]))
const ALL = [...FOUR_OF_TWO.keys()]
const UNEQUAL = new Map([
  ['t0', 1],
  ['t1', 2],
  ['t2', 3],
])
const ORDERS = new Map([['orders', 4]])

// The first four are the examples of Kafka's own StickyAssignor.
test.each([
  {
    name: 'at first it is as roundrobin',
    members: [member('C0', ALL), member('C1', ALL), member('C2', ALL)],
    topics: FOUR_OF_TWO,
    gives: { C0: ['t0-0', 't1-1', 't3-0'], C1: ['t0-1', 't2-0', 't3-1'], C2: ['t1-0', 't2-1'] },
  },
  {
    name: 'only what a member that left had is dealt out anew',
    members: [
      member('C0', ALL, had(['t0-0', 't1-1', 't3-0'], 1)),
      member('C2', ALL, had(['t1-0', 't2-1'], 1)),
    ],
    topics: FOUR_OF_TWO,
    gives: { C0: ['t0-0', 't0-1', 't1-1', 't3-0'], C2: ['t1-0', 't2-0', 't2-1', 't3-1'] },
  },
  {
    name: 'with unequal subscriptions it is as even as can be',
    members: [member('C0', ['t0']), member('C1', ['t0', 't1']), member('C2', ['t0', 't1', 't2'])],
    topics: UNEQUAL,
    gives: { C0: ['t0-0'], C1: ['t1-0', 't1-1'], C2: ['t2-0', 't2-1', 't2-2'] },
  },
  {
    name: 'and stays so when one leaves',
    members: [
      member('C1', ['t0', 't1'], had(['t1-0', 't1-1'], 1)),
      member('C2', ['t0', 't1', 't2'], had(['t2-0', 't2-1', 't2-2'], 1)),
    ],
    topics: UNEQUAL,
    gives: { C1: ['t0-0', 't1-0', 't1-1'], C2: ['t2-0', 't2-1', 't2-2'] },
  },
  {
    name: 'a new member gets its share, and the owner keeps the lowest ones',
    members: [
      member('C0', ['orders'], had(['orders-3', 'orders-0', 'orders-2', 'orders-1'], 1)),
      member('A', ['orders']),
    ],
    topics: ORDERS,
    gives: { C0: ['orders-0', 'orders-1'], A: ['orders-2', 'orders-3'] },
  },
  {
    name: 'of several topics the owner keeps some of each',
    members: [member('A', ['t0', 't1'], had(['t0-0', 't0-1', 't1-0', 't1-1'], 1)), member('B', ['t0', 't1'])],
    topics: new Map([
      ['t0', 2],
      ['t1', 2],
    ]),
    gives: { A: ['t0-0', 't1-0'], B: ['t0-1', 't1-1'] },
  },
  {
    name: 'the newer generation’s claim is the one that counts',
    members: [
      member('A', ['orders'], had(['orders-0', 'orders-1'], 4)),
      member('B', ['orders'], had(['orders-0', 'orders-1'], 5)),
    ],
    topics: ORDERS,
    gives: { A: ['orders-2', 'orders-3'], B: ['orders-0', 'orders-1'] },
  },
  {
    name: 'a claim of an older generation counts when nobody else has one',
    members: [
      member('A', ['orders'], had(['orders-2', 'orders-3'], 4)),
      member('B', ['orders'], had(['orders-0'], 5)),
    ],
    topics: ORDERS,
    gives: { A: ['orders-2', 'orders-3'], B: ['orders-0', 'orders-1'] },
  },
  {
    name: 'two claims of one generation do not count',
    members: [
      member('C1', ['t'], had(['t-0', 't-1'], 1)),
      member('C2', ['t'], had(['t-0', 't-2'], 1)),
      member('C3', ['t'], had([], 1)),
    ],
    topics: new Map([['t', 3]]),
    gives: { C1: ['t-1'], C2: ['t-2'], C3: ['t-0'] },
  },
  {
    name: 'two claims of the newest generation do not count, and an older one does not come in between',
    members: [
      member('C1', ['t'], had(['t-2'], 2)),
      member('C2', ['t'], had(['t-2'], 2)),
      member('C3', ['t'], had(['t-2'], 1)),
    ],
    topics: new Map([['t', 3]]),
    gives: { C1: ['t-0'], C2: ['t-1'], C3: ['t-2'] },
  },
  {
    name: 'claims of topics that are gone, shrunk or not wanted any more do not count',
    members: [
      member('A', ['orders'], had(['gone-0', 'orders-7', 'clicks-0', 'orders-3', 'orders-3'], 1)),
      member('B', ['orders', 'clicks']),
    ],
    topics: new Map([...ORDERS, ['clicks', 1]]),
    gives: { A: ['orders-0', 'orders-2', 'orders-3'], B: ['clicks-0', 'orders-1'] },
  },
  {
    name: 'nonsense as user data claims nothing',
    members: [
      member('A', ['orders'], { userData: Uint8Array.of(1, 2, 3) }),
      member('B', ['orders'], had(['orders-0', 'orders-1'], 1)),
    ],
    topics: ORDERS,
    gives: { A: ['orders-2', 'orders-3'], B: ['orders-0', 'orders-1'] },
  },
  {
    name: 'without user data the subscription says what was owned',
    members: [
      member('A', ['orders']),
      member('B', ['orders'], { ownedPartitions: partitions(['orders-0', 'orders-1']), generationId: 3 }),
    ],
    topics: ORDERS,
    gives: { A: ['orders-2', 'orders-3'], B: ['orders-0', 'orders-1'] },
  },
  {
    name: 'balance may take a chain of moves',
    members: [
      member('A', ['t0'], had(['t0-0'], 1)),
      member('B', ['t0', 't1'], had(['t0-1', 't1-0'], 1)),
      member('C', ['t1'], had(['t1-1', 't1-2', 't1-3'], 1)),
    ],
    topics: new Map([
      ['t0', 2],
      ['t1', 4],
    ]),
    gives: { A: ['t0-0', 't0-1'], B: ['t1-0', 't1-3'], C: ['t1-1', 't1-2'] },
  },
])('sticky: $name', ({ members, topics, gives }) => {
  expect(shares(stickyAssignor.assign(members, topics))).toEqual(gives)
})
