import { defineConfig } from 'vitest/config'

const project = (name: string, timeoutMs: number) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], testTimeout: timeoutMs, hookTimeout: timeoutMs },
})

export default defineConfig({
  test: {
    projects: [
      project('unit', 10_000),
      project('property', 60_000),
      project('transcripts', 60_000),
      project('sim', 300_000),
      project('contract', 60_000),
      project('integration', 600_000),
      project('cdk', 120_000),
    ],
  },
})
