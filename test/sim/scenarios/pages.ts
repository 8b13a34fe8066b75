import { type Scenario, sender, THREE_REPLICAS, TWO_REPLICAS } from '../explore-scenario.ts'

/** Batches on their way from the head to index pages. */
export const PAGES: readonly Scenario[] = [
  {
    ...TWO_REPLICAS,
    name: 'C6a',
    about: 'three page different tails at once',
    setup: ({ send }) => send({ value: 'a', acks: -1 }).then(() => undefined),
    actors: [
      sender('first', { value: 'b', acks: -1 }),
      sender('second', { value: 'c', acks: -1 }),
      sender('third', { value: 'd', acks: -1 }),
    ],
  },
  {
    ...THREE_REPLICAS,
    name: 'C6b',
    about: 'two page tails while an election truncates',
    setup: async ({ send }) => {
      await send({ value: 'a', acks: -1 })
      await send({ value: 'b', acks: 1, slowTo: [1] })
    },
    actors: [
      sender('first', { value: 'c', acks: -1 }),
      sender('second', { value: 'd', acks: -1 }, { value: 'e', acks: -1 }),
      { name: 'controller', act: ({ controller }) => controller([0]) },
    ],
  },
]
