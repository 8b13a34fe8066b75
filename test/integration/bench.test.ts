import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const run = (script: string, option: string) => {
  const path = fileURLToPath(new URL(`../../bench/${script}.ts`, import.meta.url))
  return spawnSync(process.execPath, [path, option], { encoding: 'utf8' })
}

test.each(['requests', 'failover', 'throughput', 'cold-start'])('bench:%s prints its usage', (script) => {
  const usage = `usage: npm run bench:${script} -- [--json]`
  expect(run(script, '--help')).toMatchObject({
    status: 0,
    stdout: expect.stringContaining(usage),
    stderr: '',
  })
  const { status, stderr } = run(script, '--nonsense')
  expect([status, stderr]).toEqual([2, expect.stringMatching(/^error: .*'--nonsense'.*\nusage: .*\n$/)])
})
