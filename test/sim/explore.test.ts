import { expect, test } from 'vitest'
import { exploreApart } from './explore-apart.ts'
import { PLANTED } from './explore-planted.ts'
import type { Explored } from './explore-search.ts'
import { SCENARIOS } from './scenarios/all.ts'

/** `npm run explore` goes on to the end, or for five minutes with each. */
const BOUNDS = { states: 4000, ms: 1000, faults: 1 }
/** Bugs that are found within a second, of rules that have little in common. */
const QUICK: ReadonlySet<string> = new Set([
  'truncated-batches-stay-in-tail',
  'success-without-high-watermark',
  'success-without-lineage',
  'joining-miss-forgotten',
  'trim-of-own-entries',
  'unclean-keeps-high-watermark',
  'elected-without-a-fence',
  'puts-for-any-incarnation',
])

test('whatever the order, and whatever fails once, nothing breaks', async () => {
  const explored: Explored[] = []
  const orders = SCENARIOS.map(({ name }) => ({ ...BOUNDS, scenario: name, bug: undefined }))
  await exploreApart(orders, { jobs: 2, done: (_, found) => explored.push(found) })
  expect(explored.flatMap(({ failure }) => failure?.steps ?? [])).toEqual([])
  expect(explored.filter(({ states }) => states < 10)).toEqual([])
  expect(explored).toHaveLength(SCENARIOS.length)
})

test('with a rule taken out, some order shows it', async () => {
  const found: string[] = []
  const pairs = PLANTED.filter(({ bug }) => QUICK.has(bug))
  await exploreApart(
    pairs.map((pair) => ({ ...BOUNDS, ms: 10_000, ...pair })),
    { jobs: 2, done: ({ bug }, { failure }) => failure !== undefined && found.push(bug ?? '') },
  )
  expect(found.sort()).toEqual([...QUICK].sort())
})
