import { expect, test } from 'vitest'
import { cooperativeStickyAssignor } from '../../client/assignors/cooperative-sticky.ts'
import { member, partitions, rejoined, shares } from '../support/assignor-members.ts'

const owns = (names: readonly string[], generationId: number) => ({
  ownedPartitions: partitions(names),
  generationId,
})
const of = (count: number) => new Map([['t', count]])

test('what a new member is to have is revoked in one round and handed over in the next', () => {
  const members = [member('A', ['t'], owns(['t-0', 't-1', 't-2', 't-3'], 1)), member('B', ['t'])]
  const first = cooperativeStickyAssignor.assign(members, of(4))
  expect(shares(first)).toEqual({ A: ['t-0', 't-1'], B: [] })
  const second = cooperativeStickyAssignor.assign(rejoined(members, first, 2), of(4))
  expect(shares(second)).toEqual({ A: ['t-0', 't-1'], B: ['t-2', 't-3'] })
  const third = cooperativeStickyAssignor.assign(rejoined(members, second, 3), of(4))
  expect(shares(third)).toEqual(shares(second))
})

test('what a member that left had is handed over at once', () => {
  const members = [member('A', ['t'], owns(['t-0', 't-1'], 1)), member('C', ['t'])]
  expect(shares(cooperativeStickyAssignor.assign(members, of(4)))).toEqual({
    A: ['t-0', 't-1'],
    C: ['t-2', 't-3'],
  })
})

// The first two are of Kafka's CooperativeStickyAssignorTest.
test.each([
  {
    name: 'what two claim in one generation is nobody’s until both have revoked it',
    members: [
      member('C1', ['t'], owns(['t-0', 't-1'], 1)),
      member('C2', ['t'], owns(['t-0', 't-2'], 1)),
      member('C3', ['t'], owns([], 1)),
    ],
    topics: of(4),
    gives: { C1: ['t-1'], C2: ['t-2'], C3: ['t-3'] },
  },
  {
    name: 'claims of subscriptions of version 1 count too',
    members: [
      member('C1', ['t'], owns(['t-0'], -1)),
      member('C2', ['t'], owns(['t-1'], -1)),
      member('C3', ['t'], owns([], 3)),
    ],
    topics: of(3),
    gives: { C1: ['t-0'], C2: ['t-1'], C3: ['t-2'] },
  },
  {
    name: 'below version 2 the user data says the generation',
    members: [
      member('C1', ['t'], {
        ownedPartitions: partitions(['t-0', 't-1']),
        userData: cooperativeStickyAssignor.subscriptionUserData(new Map(), 5),
      }),
      member('C2', ['t'], owns(['t-0', 't-1'], 4)),
    ],
    topics: of(4),
    gives: { C1: ['t-0', 't-1'], C2: ['t-2', 't-3'] },
  },
  {
    name: 'the newer generation’s claim is the one that counts',
    members: [member('C1', ['t'], owns(['t-0', 't-1'], 4)), member('C2', ['t'], owns(['t-0', 't-1'], 5))],
    topics: of(4),
    gives: { C1: ['t-2', 't-3'], C2: ['t-0', 't-1'] },
  },
  {
    name: 'a partition whose holder does not want its topic any more waits until it is revoked',
    members: [member('C1', ['other'], owns(['t-0'], 1)), member('C2', ['t'])],
    topics: of(2),
    gives: { C1: [], C2: ['t-1'] },
  },
])('cooperative-sticky: $name', ({ members, topics, gives }) => {
  expect(shares(cooperativeStickyAssignor.assign(members, topics))).toEqual(gives)
})
