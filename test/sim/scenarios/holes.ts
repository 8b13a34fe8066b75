import { type Scenario, sender, THREE_REPLICAS, TWO_REPLICAS } from '../explore-scenario.ts'

/** Replica 1 has what was sent first, and is out of the ISR with the second missing. */
const WITHOUT_ONE: Scenario['setup'] = async ({ send, controller, pass }) => {
  await send({ value: 'a', acks: -1 })
  await controller([1])
  await send({ value: 'b', acks: 1 })
  await pass(660_000)
}

/** Replicas that lack something, and how they get it. */
export const HOLES: readonly Scenario[] = [
  {
    ...THREE_REPLICAS,
    name: 'C3',
    about:
      'an election truncates a log of which two replicas lack something, while the other one is given it',
    setup: async ({ send }) => {
      await send({ value: 'a', acks: -1 })
      await send({ value: 'b', acks: 1, slowTo: [1, 2] })
    },
    actors: [
      { name: 'catchUp', act: ({ catchUp }) => catchUp([1]) },
      { name: 'controller', act: ({ controller }) => controller([0]) },
      // In the next epoch, the hole of replica 2 is where it was.
      sender('sender', { value: 'c', acks: 1, cutFrom: [2] }),
    ],
  },
  {
    ...TWO_REPLICAS,
    name: 'C14',
    about: 'a joining replica misses an append while what it lacked is filled',
    minIsr: 1,
    setup: async (stage) => {
      await WITHOUT_ONE(stage)
      await stage.controller()
    },
    actors: [
      { name: 'catchUp', act: ({ catchUp }) => catchUp() },
      sender('one', { value: 'c', acks: 1, cutFrom: [1] }),
      sender('all', { value: 'd', acks: -1 }),
    ],
  },
  {
    ...TWO_REPLICAS,
    name: 'C18',
    about: 'appends planned around a hole land after it closed',
    setup: ({ send }) => send({ value: 'a', acks: 1, cutFrom: [1] }).then(() => undefined),
    actors: [
      { name: 'catchUp', act: ({ catchUp }) => catchUp() },
      sender('all', { value: 'b', acks: -1 }),
      sender('one', { value: 'c', acks: 1, cutFrom: [1] }),
    ],
  },
  {
    ...TWO_REPLICAS,
    name: 'H1',
    about: 'the high watermark when the one that lags leaves the ISR',
    minIsr: 1,
    setup: async () => undefined,
    actors: [
      sender('missing', { value: 'a', acks: 1, cutFrom: [1] }),
      { name: 'controller', act: ({ controller }) => controller([1]) },
      sender('one', { value: 'b', acks: 1 }),
    ],
  },
  {
    ...TWO_REPLICAS,
    name: 'H2',
    about: 'a replica comes back while appends go on',
    minIsr: 1,
    setup: WITHOUT_ONE,
    actors: [
      {
        name: 'keeper',
        act: async ({ controller, catchUp }) => {
          await controller()
          await catchUp()
        },
      },
      sender('sender', { value: 'c', acks: -1 }, { value: 'd', acks: -1 }),
    ],
    atRest: ({ isr }) => (isr.length === 2 ? [] : [`the ISR is ${isr}`]),
  },
]
