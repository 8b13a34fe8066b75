import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { countGroup } from '../../bench/group-month-counts.ts'

const run = (script: string, option: string) => {
  const path = fileURLToPath(new URL(`../../bench/${script}.ts`, import.meta.url))
  return spawnSync(process.execPath, [path, option], { encoding: 'utf8' })
}

test.each(['requests', 'failover', 'groups', 'group-costs', 'throughput', 'cold-start'])(
  'bench:%s prints its usage',
  (script) => {
    const usage = `usage: npm run bench:${script} -- [--json]`
    expect(run(script, '--help')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining(usage),
      stderr: '',
    })
    const { status, stderr } = run(script, '--nonsense')
    expect([status, stderr]).toEqual([2, expect.stringMatching(/^error: .*'--nonsense'.*\nusage: .*\n$/)])
  },
)

test('members that find nothing ask every 5 s, and say every 10 s that they are there, for a unit each and little more', async () => {
  const load = { members: 3, partitions: 3, recordsPerSecond: 0, fetchMaxWaitMs: 500, seconds: 600 }
  const uses = await countGroup(load)
  expect([...uses.keys()].sort()).toEqual(['controller', 'fetch', 'heartbeat', 'metadata'])
  const of = (kind: string) => {
    const { requests = 0, writeUnits = 0, readUnits = 0, calls = 0 } = uses.get(kind) ?? {}
    return { requests, writeUnits, readUnits, calls }
  }
  const fetches = of('fetch')
  expect(fetches.requests).toBeGreaterThan(300)
  expect(fetches.requests).toBeLessThanOrEqual(360)
  expect(fetches).toMatchObject({ writeUnits: 0, readUnits: fetches.requests, calls: fetches.requests })
  const heartbeats = of('heartbeat')
  expect(heartbeats.requests).toBe(180)
  expect(heartbeats.writeUnits).toBeLessThan(205)
  expect(heartbeats.readUnits).toBeLessThan(125)
  expect(of('metadata').requests).toBe(6)
  expect(of('controller')).toMatchObject({ writeUnits: 0, readUnits: 0 })
})
