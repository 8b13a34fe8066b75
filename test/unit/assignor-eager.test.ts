import { expect, test } from 'vitest'
import { ASSIGNORS } from '../../client/assignors/assignors.ts'
import { rangeAssignor } from '../../client/assignors/range.ts'
import { roundRobinAssignor } from '../../client/assignors/round-robin.ts'
import { member, shares } from '../support/assignor-members.ts'

const TWO_OF_THREE = new Map([
  ['t0', 3],
  ['t1', 3],
])
const both = (memberId: string, groupInstanceId: string | null = null) =>
  member(memberId, ['t0', 't1'], { groupInstanceId })

test('assignors have the names of Kafka’s, and only one lets members keep what they own', () => {
  expect(ASSIGNORS.map(({ name, supportedProtocols }) => [name, ...supportedProtocols])).toEqual([
    ['range', 'EAGER'],
    ['roundrobin', 'EAGER'],
    ['sticky', 'EAGER'],
    ['cooperative-sticky', 'COOPERATIVE', 'EAGER'],
  ])
})

// The examples are those of Kafka's own RangeAssignor.
test.each([
  {
    name: 'the first members get one more of each topic',
    members: [both('C1'), both('C0')],
    topics: TWO_OF_THREE,
    gives: { C0: ['t0-0', 't0-1', 't1-0', 't1-1'], C1: ['t0-2', 't1-2'] },
  },
  {
    name: 'static members stand in the order of their names whatever ids they have',
    members: [both('C2', 'I1'), both('C3', 'I0')],
    topics: TWO_OF_THREE,
    gives: { C3: ['t0-0', 't0-1', 't1-0', 't1-1'], C2: ['t0-2', 't1-2'] },
  },
  {
    name: 'static members stand before dynamic ones',
    members: [both('C0'), both('C1'), both('C2', 'z')],
    topics: new Map([['t0', 2]]),
    gives: { C2: ['t0-0'], C0: ['t0-1'], C1: [] },
  },
  {
    name: 'only subscribers count for a topic, and a topic that nobody knows is left out',
    members: [member('C0', ['t0']), member('C1', ['t0', 't1']), member('C2', ['t0', 'unknown'])],
    topics: new Map([
      ['t0', 3],
      ['t1', 2],
      ['t2', 5],
    ]),
    gives: { C0: ['t0-0'], C1: ['t0-1', 't1-0', 't1-1'], C2: ['t0-2'] },
  },
  {
    name: 'a topic that is subscribed to twice counts once',
    members: [member('C0', ['t0', 't0']), member('C1', ['t0'])],
    topics: new Map([['t0', 4]]),
    gives: { C0: ['t0-0', 't0-1'], C1: ['t0-2', 't0-3'] },
  },
  { name: 'nobody gets nothing', members: [], topics: TWO_OF_THREE, gives: {} },
])('range: $name', ({ members, topics, gives }) => {
  expect(shares(rangeAssignor.assign(members, topics))).toEqual(gives)
})

// The examples are those of Kafka's own RoundRobinAssignor.
test.each([
  {
    name: 'partitions of all topics are dealt out in turn',
    members: [both('C1'), both('C0')],
    topics: TWO_OF_THREE,
    gives: { C0: ['t0-0', 't0-2', 't1-1'], C1: ['t0-1', 't1-0', 't1-2'] },
  },
  {
    name: 'who does not subscribe is passed over',
    members: [member('C0', ['t0']), member('C1', ['t0', 't1']), member('C2', ['t0', 't1', 't2'])],
    topics: new Map([
      ['t0', 1],
      ['t1', 2],
      ['t2', 3],
    ]),
    gives: { C0: ['t0-0'], C1: ['t1-0'], C2: ['t1-1', 't2-0', 't2-1', 't2-2'] },
  },
  {
    name: 'static members stand in the order of their names whatever ids they have',
    members: [both('C5', 'I1'), both('C3', 'I2'), both('C4', 'I3')],
    topics: TWO_OF_THREE,
    gives: { C5: ['t0-0', 't1-0'], C3: ['t0-1', 't1-1'], C4: ['t0-2', 't1-2'] },
  },
  { name: 'nobody gets nothing', members: [], topics: TWO_OF_THREE, gives: {} },
])('roundrobin: $name', ({ members, topics, gives }) => {
  expect(shares(roundRobinAssignor.assign(members, topics))).toEqual(gives)
})
