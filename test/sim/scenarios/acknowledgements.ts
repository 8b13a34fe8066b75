import { type Scenario, sender, THREE_REPLICAS, TWO_REPLICAS } from '../explore-scenario.ts'

const ONE = { producerId: 1, baseSequence: 0 }
const TWO = { producerId: 2, baseSequence: 0 }

/** What clients are told, and what becomes of what they send again. */
export const ACKNOWLEDGEMENTS: readonly Scenario[] = [
  {
    ...TWO_REPLICAS,
    name: 'C1',
    about: 'a batch that is not replicated yet is sent again, and an election truncates it',
    minIsr: 1,
    setup: ({ send }) => send({ value: 'a', acks: 1, slowTo: [1] }).then(() => undefined),
    actors: [
      sender('client', { value: 'b', acks: -1, producer: ONE, tries: 2 }),
      { name: 'controller', act: ({ controller }) => controller([0]) },
    ],
  },
  {
    ...THREE_REPLICAS,
    name: 'C1b',
    about: 'a batch whose outcome is unknown finds no leader, and the next one has it',
    setup: async ({ send }) => {
      await send({ value: 'a', acks: -1 })
      await send({ value: 'b', acks: 1, slowTo: [2] })
    },
    actors: [
      sender('client', { value: 'c', acks: -1, producer: ONE }),
      { name: 'controller', act: ({ controller }) => controller([0]) },
    ],
  },
  {
    ...TWO_REPLICAS,
    name: 'C2',
    about: 'a batch waits for the high watermark, which passes its offset in another epoch',
    minIsr: 1,
    setup: async ({ send }) => {
      await send({ value: 'a', acks: -1 })
      await send({ value: 'b', acks: 1, slowTo: [1] })
    },
    actors: [
      sender('waiting', { value: 'c', acks: -1 }),
      { name: 'controller', act: ({ controller }) => controller([0]) },
      sender('others', { value: 'd', acks: -1 }, { value: 'e', acks: -1 }),
    ],
  },
  {
    ...TWO_REPLICAS,
    name: 'C4',
    about: 'a batch without a sequence, whose answer is lost, is paged by others',
    setup: async () => undefined,
    actors: [
      sender('client', { value: 'a', acks: -1 }),
      sender('others', { value: 'b', acks: -1 }, { value: 'c', acks: -1 }, { value: 'd', acks: -1 }),
    ],
  },
  {
    ...TWO_REPLICAS,
    name: 'C17',
    about: 'two tries of one batch and a producer that drives theirs out of the head',
    limits: { ...TWO_REPLICAS.limits, maxHeadProducers: 1 },
    setup: async ({ send }) => {
      await send({ value: 'a', acks: -1, producer: ONE })
      await send({ value: 'b', acks: -1, producer: TWO })
    },
    actors: [
      sender('client', { value: 'c', acks: -1, producer: { ...ONE, baseSequence: 1 } }),
      sender('again', { value: 'c', acks: -1, producer: { ...ONE, baseSequence: 1 } }),
      sender('other', { value: 'd', acks: -1, producer: { ...TWO, baseSequence: 1 }, tries: 2 }),
    ],
  },
]
