import { type Scenario, sender, THREE_REPLICAS, TWO_REPLICAS } from '../explore-scenario.ts'
import { ALONE } from './elections.ts'

const KEEPER = {
  name: 'keeper',
  act: async ({ controller, catchUp }) => {
    await controller()
    await catchUp()
  },
} satisfies Scenario['actors'][0]

/** Storage nodes that lose everything, and go on under the same name. */
export const BUCKETS: readonly Scenario[] = [
  {
    ...THREE_REPLICAS,
    name: 'C10a',
    about: 'a node is wiped and comes back between the PUT and the append',
    wiped: [1],
    setup: ({ send }) => send({ value: 'a', acks: -1 }).then(() => undefined),
    actors: [sender('all', { value: 'b', acks: -1 }), { name: 'wiper', act: ({ wipe }) => wipe(1) }, KEEPER],
  },
  {
    ...THREE_REPLICAS,
    name: 'C10b',
    about: 'a node is wiped while it is given what it lacks',
    wiped: [1],
    setup: async ({ send }) => {
      await send({ value: 'a', acks: -1 })
      await send({ value: 'b', acks: 1, slowTo: [1] })
    },
    actors: [
      { name: 'catchUp', act: ({ catchUp }) => catchUp() },
      { name: 'wiper', act: ({ wipe }) => wipe(1) },
      KEEPER,
    ],
  },
  {
    ...THREE_REPLICAS,
    name: 'C10c',
    about: 'a node is wiped, and nobody noticed when it is elected',
    wiped: [1],
    setup: ({ send }) => send({ value: 'a', acks: -1 }).then(() => undefined),
    actors: [
      { name: 'wiper', act: ({ wipe }) => wipe(1) },
      { name: 'controller', act: ({ controller }) => controller([0]) },
      sender('all', { value: 'b', acks: -1 }),
    ],
  },
  {
    ...TWO_REPLICAS,
    name: 'H4',
    about: 'the last replica of the ISR is wiped',
    wiped: [0],
    setup: ALONE,
    actors: [{ name: 'wiper', act: ({ wipe }) => wipe(0) }, KEEPER, sender('one', { value: 'c', acks: 1 })],
  },
]
