import { expect, test } from 'vitest'
import { runSeed } from './run-seed.ts'

// Of consumer groups: members wait for an answer less long than other clients do.
test.each([4, 21])('seed %i that is traced is the same history', async (seed) => {
  const lines: number[] = []
  const traced = await runSeed(seed, ({ step }) => lines.push(step))
  const { configuration, hash } = await runSeed(seed)
  expect(configuration.groups).toBeDefined()
  expect(traced.hash).toBe(hash)
  expect(lines.at(-1)).toBe(traced.steps)
})
