import { describe, expect, test } from 'vitest'
import { explore } from './explore-search.ts'
import { SCENARIOS } from './scenarios/all.ts'

/** `npm run explore` goes on to the end, or for five minutes with each. */
const BOUNDS = { states: 2000, ms: 1000, faults: 1 }

describe('whatever the order, and whatever fails once, nothing breaks when', () => {
  test.each(SCENARIOS)('$name: $about', async (scenario) => {
    const { failure, states } = await explore(scenario, BOUNDS)
    expect(failure).toBeUndefined()
    expect(states).toBeGreaterThan(20)
  })
})
