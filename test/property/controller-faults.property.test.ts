import { describe, expect, test } from 'vitest'
import type { Head } from '../../shared/core/head.ts'
import { logEndOf } from '../../shared/core/replica.ts'
import { catchUp } from '../../shared/service/catch-up.ts'
import { controllerTick, runController } from '../../shared/service/controller.ts'
import type { DocumentFault } from '../support/faulty-store.ts'
import { batchOf, createTopic, fetchAll, produceOne } from '../support/log-requests.ts'
import { asTimePasses, nodeNow, nodeTroubles, runTriggered, type Troubles } from '../support/node-troubles.ts'
import { brokenInvariants, storedHead } from '../support/partition-invariants.ts'
import { type SeededRandom, seededRandom } from '../support/seeded-random.ts'
import { otherEnvironment, type TestDeps, TINY_LIMITS, testDeps } from '../support/test-deps.ts'

const SEEDS = 60
const STEPS = 60
const TOPICS = ['a', 'b', 'c']
const FAULTS: readonly DocumentFault[] = [
  { fault: 'throttled' },
  { fault: 'answerLost' },
  { fault: 'callLost' },
  { fault: 'twice' },
]

interface Run {
  readonly deps: TestDeps
  readonly random: SeededRandom
  readonly troubles: Troubles
  readonly topics: ReadonlyMap<string, string>
  readonly acknowledged: Map<string, string[]>
  readonly history: string[]
  batches: number
}

async function newRun(seed: number): Promise<Run> {
  const deps = await testDeps({ seed, limits: TINY_LIMITS, configs: { 'min.insync.replicas': '2' } })
  const topics = new Map<string, string>()
  for (const name of TOPICS) topics.set(name, await createTopic(deps, name))
  return {
    deps,
    random: seededRandom(seed),
    troubles: nodeTroubles(deps),
    topics,
    acknowledged: new Map(TOPICS.map((name) => [name, []])),
    history: [],
    batches: 0,
  }
}

/** Nothing that readers count on goes with the bucket: another replica in sync has it, in a bucket that is its own. */
async function mayWipe({ deps, topics }: Run, nodeId: number): Promise<boolean> {
  for (const other of deps.nodes.keys()) {
    const bytes = await deps.nodes
      .get(other)
      ?.store.get('incarnation', undefined, new AbortController().signal)
    const node = await nodeNow(deps, other)
    if (node.state === 'RECOVERING' || node.incarnationId !== new TextDecoder().decode(bytes)) return false
  }
  for (const topicId of topics.values()) {
    const head = await storedHead(deps, topicId)
    const holders = head.isr.filter((replica) => logEndOf(head, replica) >= head.highWatermark)
    if (!holders.some((replica) => !replica.startsWith(`${nodeId}.`))) return false
  }
  return true
}

async function step(run: Run): Promise<void> {
  const { deps, random, troubles } = run
  const nodeId = random.integer(0, 2)
  const note = (what: string) => run.history.push(what)
  switch (random.integer(0, 11)) {
    case 0:
      note(`fails ${nodeId}`)
      return troubles.set(nodeId, 'fails')
    case 1:
      note(`hangs ${nodeId}`)
      return troubles.set(nodeId, 'hangs')
    case 2:
    case 3:
      note(`healed ${nodeId}`)
      return troubles.set(nodeId, undefined)
    case 4:
      if (!(await mayWipe(run, nodeId))) return
      note(`wiped ${nodeId}`)
      return deps.wipe(nodeId)
    case 5: {
      const fault = FAULTS[random.integer(0, FAULTS.length - 1)] as DocumentFault
      let after = random.integer(0, 30)
      note(`${fault.fault} after ${after}`)
      deps.documents.faults.once(() => {
        after -= 1
        return after < 0
      }, fault)
      return
    }
    case 6: {
      const ms = random.integer(0, 20_000)
      note(`time ${ms}`)
      return deps.clock.set(deps.clock.nowMs() + ms)
    }
    case 7:
      note('tick')
      return asTimePasses(
        deps,
        controllerTick(deps).catch(() => undefined),
      )
    case 8: {
      note('two controllers')
      const both = Promise.all([runController(deps), runController(otherEnvironment(deps))])
      return asTimePasses(
        deps,
        both.then(() => undefined),
      )
    }
    case 9: {
      const task = deps.triggered.shift()
      note(`task ${JSON.stringify(task)}`)
      if (task?.task === 'controller') return asTimePasses(deps, runController(deps))
      if (task?.task === 'catchUp') return asTimePasses(deps, catchUp(otherEnvironment(deps), task))
      return
    }
    default:
      return append(run)
  }
}

async function append(run: Run): Promise<void> {
  const { deps, random, acknowledged, history } = run
  const topic = TOPICS[random.integer(0, TOPICS.length - 1)] ?? ''
  run.batches += 1
  const value = `${topic}${run.batches}`
  const acks = random.integer(0, 2) === 0 ? 1 : 'all'
  const batch = batchOf(random.integer(1, 3), { value })
  const row = await asTimePasses(deps, produceOne(deps, batch, { topic, acks, timeoutMs: 2000 }))
  history.push(`${value} acks=${acks}: ${row.errorName ?? row.baseOffset}`)
  if (acks === 'all' && row.errorName === undefined) acknowledged.get(topic)?.push(value)
}

async function heal(run: Run): Promise<void> {
  const { deps, troubles } = run
  for (const nodeId of deps.nodes.keys()) troubles.set(nodeId, undefined)
  // Faults that were scripted and not met yet befall calls that nobody misses.
  for (let calls = 0; calls < 2 * STEPS; calls += 1) {
    await deps.documents.put({ pk: 'NOBODY', sk: 'NOTHING' }, {}, 'absent').catch(() => undefined)
  }
  for (let minute = 0; minute < 30; minute += 1) {
    await asTimePasses(deps, controllerTick(deps))
    await runTriggered(deps)
    deps.clock.set(deps.clock.nowMs() + 60_000)
  }
}

async function checkEach(run: Run, before: ReadonlyMap<string, Head>): Promise<Map<string, Head>> {
  const heads = new Map<string, Head>()
  for (const topicId of run.topics.values()) {
    const earlier = before.get(topicId)
    const { broken, stored } = await brokenInvariants(run.deps, topicId, earlier)
    // A bucket that was emptied lacks everything until that is noticed.
    expect(broken.filter((fact) => !/^I(2|15):/.test(fact) && !isElection(earlier, fact))).toEqual([])
    heads.set(topicId, stored.head)
  }
  return heads
}

/** The election of a partition that was fenced before shortens the log in the epoch that the fence began. */
function isElection(before: Head | undefined, fact: string): boolean {
  return before?.leader === undefined && /^I3: (logEndOffset|maxEvictedOffset) fell/.test(fact)
}

describe('nodes and documents fail at random; once they are well, the controller brings every partition to rest', () => {
  test.each(Array.from({ length: SEEDS }, (_, seed) => seed + 1))('seed %i', async (seed) => {
    const run = await newRun(seed)
    try {
      let heads: ReadonlyMap<string, Head> = new Map()
      for (let steps = 0; steps < STEPS; steps += 1) {
        await step(run)
        heads = await checkEach(run, heads)
      }
      run.history.push('all is well')
      await heal(run)
      for (const [topic, topicId] of run.topics) {
        const before = heads.get(topicId)
        const { broken, stored } = await brokenInvariants(run.deps, topicId, before)
        expect(broken.filter((fact) => !isElection(before, fact))).toEqual([])
        const { head } = stored
        expect({ ...head, isr: head.isr.toSorted() }).toMatchObject({
          leader: expect.any(String),
          isr: head.replicas.toSorted(),
          joining: [],
          holeStart: {},
          highWatermark: head.logEndOffset,
        })
        const values = (await fetchAll(otherEnvironment(run.deps), { topic })).map(({ value }) => value)
        expect(values).toEqual(expect.arrayContaining(run.acknowledged.get(topic) ?? []))
        expect(new Set(values).size).toBe(values.length)
      }
      expect(run.deps.logged.filter(({ level }) => level === 'error')).toEqual([])
    } catch (error) {
      throw new Error(`seed ${seed}: ${run.history.join('; ')}`, { cause: error })
    }
  })
})
