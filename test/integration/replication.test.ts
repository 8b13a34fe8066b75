import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Emulators, startEmulators } from '../../local/emulators.ts'
import { walObjectsOf } from '../support/bucket-objects.ts'
import { SCENARIOS, type Scale } from '../support/replication-scenarios.ts'
import { type Stage, stageIn } from '../support/replication-stage.ts'
import { canRun } from '../support/requires.ts'

/** `node test/support/replication-run.ts --scenario NAME` runs more of each. */
const EMBEDDED: Scale = {
  nodes: [0, 1, 2],
  absentAppends: 3000,
  wipedAppends: 500,
  killDelaysMs: [0, 3, 6, 9, 12],
}
const AWS: Scale = { nodes: [0], absentAppends: 500, wipedAppends: 0, killDelaysMs: [] }

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stratolog-replication-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Gaps and durations depend on the machine: they are printed, not judged. */
async function brokenIn(scenario: string, stage: Stage, scale: Scale): Promise<readonly string[]> {
  const run = SCENARIOS[scenario]
  if (run === undefined) throw new Error(`no such scenario: ${scenario}`)
  const { problems, facts } = await run(stage, scale)
  console.log(JSON.stringify({ scenario, ...facts }))
  return problems
}

const embedded = (scenario: string) => stageIn(join(folder, scenario), console.log)

describe('a replicated log whose nodes fail two at a time', () => {
  test.each([
    { scenario: 'two-at-once', name: 'takes nothing that needs two replicas while one is left' },
    { scenario: 'two-apart', name: 'takes nothing that needs two replicas once the second one failed' },
    { scenario: 'lost-copy', name: 'goes on where two replicas end, when the one copy of all else is lost' },
  ])('$name', async ({ scenario }) => {
    expect(await brokenIn(scenario, embedded(scenario), EMBEDDED)).toEqual([])
  })
})

// At once, because they mostly wait: for time-outs, ticks, and the lease of a dead controller.
describe.concurrent('a replicated log that is produced to keeps what it acknowledged, on three nodes in the end,', () => {
  test.each([
    { scenario: 'cycle', name: 'when every node fails, hangs and loses its data in turn' },
    { scenario: 'wiped-while-joining', name: 'when a node that joins loses what it was given' },
    { scenario: 'long-absence', name: 'when a node comes back after many appends' },
    { scenario: 'killed-in-election', name: 'when the service is killed while it elects leaders' },
  ])('$name', async ({ scenario }) => {
    expect(await brokenIn(scenario, embedded(scenario), EMBEDDED)).toEqual([])
  })
})

if (canRun('replication over the AWS adapters', ['java', 'python3'])) {
  describe('a replicated log over DynamoDB and S3', () => {
    let emulators: Emulators

    beforeAll(async () => {
      emulators = await startEmulators({ nodes: 3 })
    })
    afterAll(() => emulators?.stop())

    test.each([
      { scenario: 'cycle', name: 'keeps what it acknowledged when a node fails, hangs and loses its data' },
      { scenario: 'long-absence', name: 'is whole again when a node comes back after many appends' },
    ])('$name', async ({ scenario }) => {
      const { environment } = emulators
      const walObjects = () => walObjectsOf(emulators)
      const stage = { dataDirectory: { environment }, walObjects, say: console.log }
      expect(await brokenIn(scenario, stage, AWS)).toEqual([])
    })
  })
}
