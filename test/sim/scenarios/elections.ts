import { LEASE_MS } from '../../../shared/core/controller-lease.ts'
import { type Scenario, sender, TWO_REPLICAS } from '../explore-scenario.ts'

/** Replica 0 is alone in the ISR, with what 1 lacks above the high watermark. */
export const ALONE: Scenario['setup'] = async ({ send, controller }) => {
  await send({ value: 'a', acks: -1 })
  await controller([1])
  await send({ value: 'b', acks: 1 })
}

/** Leaders that come and go. */
export const ELECTIONS: readonly Scenario[] = [
  {
    ...TWO_REPLICAS,
    name: 'C13',
    about: 'leadership moves back to a replica that lags',
    setup: async ({ send, controller, pass, catchUp }) => {
      await send({ value: 'a', acks: -1 })
      await controller([0])
      await pass(660_000)
      await controller()
      await catchUp()
    },
    actors: [
      { name: 'mover', act: ({ preferFirst }) => preferFirst() },
      sender('one', { value: 'b', acks: 1, cutFrom: [0] }),
      sender('all', { value: 'c', acks: -1 }),
      { name: 'catchUp', act: ({ catchUp }) => catchUp() },
    ],
    atRest: ({ isr }) => (isr.length === 2 ? [] : [`the ISR is ${isr}`]),
  },
  {
    ...TWO_REPLICAS,
    name: 'C15',
    about: 'a replica from outside the ISR is elected, and then another one',
    setup: ALONE,
    actors: [
      {
        name: 'controller',
        act: async ({ controller }) => {
          await controller([0])
          await controller([1])
        },
      },
      sender('one', { value: 'c', acks: 1 }, { value: 'd', acks: 1 }),
    ],
  },
  {
    ...TWO_REPLICAS,
    name: 'C16',
    about: 'an unclean election while appends go on',
    minIsr: 1,
    unclean: true,
    setup: ALONE,
    actors: [
      { name: 'controller', act: ({ controller }) => controller([0]) },
      sender('all', { value: 'c', acks: -1 }),
      sender('one', { value: 'd', acks: 1 }),
    ],
  },
  {
    ...TWO_REPLICAS,
    name: 'H3',
    about: 'an election while appends go on and on',
    setup: ({ send }) => send({ value: 'a', acks: -1 }).then(() => undefined),
    actors: [
      { name: 'controller', act: ({ controller }) => controller([0]) },
      sender('first', { value: 'b', acks: 1 }, { value: 'c', acks: 1 }),
      sender('second', { value: 'd', acks: 1 }),
    ],
    atRest: ({ leader }) => (leader === '1.1' ? [] : [`the leader is ${leader}`]),
  },
  {
    ...TWO_REPLICAS,
    name: 'H17',
    about: 'two controllers, the second when the lease of the first is over',
    minIsr: 1,
    setup: ({ send }) => send({ value: 'a', acks: -1 }).then(() => undefined),
    actors: [
      { name: 'old', act: ({ controller }) => controller([0]) },
      {
        name: 'young',
        act: async ({ pass, controller }) => {
          await pass(LEASE_MS + 1000)
          await controller([1])
        },
      },
      sender('all', { value: 'b', acks: -1 }),
    ],
  },
]
