import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Head } from '../../shared/core/head.ts'
import { joinReplica } from '../../shared/core/isr-commands.ts'
import { outsiders } from '../../shared/core/replica.ts'
import { catchUp } from '../../shared/service/catch-up.ts'
import { runController } from '../../shared/service/controller.ts'
import { encodeHeadPlan } from '../../shared/store/items/head-item.ts'
import { headKey } from '../../shared/store/keys.ts'
import { brokenPromises, newClients, type SentBatch } from '../support/clients.ts'
import type { DocumentCall, DocumentFault, ObjectCall, ObjectFault } from '../support/faulty-store.ts'
import { createTopic, errorOf, fetchAll, fetchOne, seen, TOPIC } from '../support/log-requests.ts'
import { brokenInvariants, storedHead } from '../support/partition-invariants.ts'
import { type SeededRandom, seededRandom } from '../support/seeded-random.ts'
import { otherEnvironment, type TestDeps, TINY_LIMITS, testDeps } from '../support/test-deps.ts'
import { newTurns } from '../support/turns.ts'

const PRODUCERS = 5

/** Of a hundred calls so many fail, in one way or another. */
function documentFault(random: SeededRandom, percent: number, call: DocumentCall): DocumentFault | undefined {
  if (random.integer(1, 100) > percent) return undefined
  if (call.method === 'get' || call.method === 'list') return { fault: 'throttled' }
  return (
    [
      { fault: 'throttled' },
      { fault: 'answerLost' },
      { fault: 'callLost' },
      { fault: 'appliedLater', calls: random.integer(0, 12) },
      { fault: 'twice' },
    ] as const
  )[random.integer(0, 4)]
}

function objectFault(random: SeededRandom, percent: number, call: ObjectCall): ObjectFault | undefined {
  if (random.integer(1, 100) > percent) return undefined
  if (call.method === 'put')
    return ([{ fault: 'fails' }, { fault: 'landsAnyway' }] as const)[random.integer(0, 1)]
  return ([{ fault: 'missing' }, { fault: 'corrupt' }, { fault: 'fails' }] as const)[random.integer(0, 2)]
}

function faults(deps: TestDeps, random: SeededRandom, percent: { documents: number; objects: number }): void {
  deps.documents.faults.always((call) => documentFault(random, percent.documents, call))
  for (const node of deps.nodes.values()) {
    node.faults.always((call) => objectFault(random, percent.objects, call))
  }
}

function noFaults(deps: TestDeps): void {
  deps.documents.faults.always(undefined)
  for (const node of deps.nodes.values()) node.faults.always(undefined)
}

async function tinyCluster(
  seed: number,
): Promise<{ deps: TestDeps; topicId: string; environments: TestDeps[] }> {
  const deps = await testDeps({ limits: { ...TINY_LIMITS, earlyArrivalMs: 100, maxDuplicatePages: 3 }, seed })
  const topicId = await createTopic(deps)
  return { deps, topicId, environments: [deps, otherEnvironment(deps), otherEnvironment(deps)] }
}

/** Everything that was on its way arrives, whoever waits for an acknowledgement gets it, and the log is compared. */
async function settle(
  { deps, topicId }: { deps: TestDeps; topicId: string },
  clients: ReturnType<typeof newClients>,
): Promise<void> {
  noFaults(deps)
  for (let count = 0; count < 14; count += 1) await deps.documents.get({ pk: 'x', sk: 'y' }, 'strong')
  await catchUp(deps, { task: 'catchUp', topicName: TOPIC, topicId, partitionIndex: 0 })
  for (const producerId of clients.pending()) await clients.sendSequenced(deps, producerId)
  expect(clients.pending()).toEqual([])
  expect(brokenPromises(clients.sent, await fetchAll(otherEnvironment(deps)))).toEqual([])
}

test('with faults at every port nothing acknowledged is lost or doubled, and nothing is broken at any time', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(2 ** 31),
      fc.constantFrom(3, 10, 25),
      fc.constantFrom(-1, 1),
      async (seed, percent, acks) => {
        const random = seededRandom(seed)
        const { deps, topicId, environments } = await tinyCluster(seed)
        const clients = newClients(acks as -1 | 1)
        let before: Head | undefined
        for (let step = 0; step < 40; step += 1) {
          faults(deps, random, { documents: percent, objects: percent / 3 })
          const environment = environments[random.integer(0, 2)] ?? deps
          const producer = random.integer(-1, PRODUCERS - 1)
          if (producer < 0) await clients.send(environment)
          else await clients.sendSequenced(environment, producer)
          await checkFetch(environment, random)
          const { broken, stored } = await brokenInvariants(deps, topicId, before)
          expect(broken).toEqual([])
          before = stored.head
        }
        await settle({ deps, topicId }, clients)
      },
    ),
    { numRuns: 25 },
  )
})

/** Puts of a node that is broken fail, or hang until they are aborted; whatever else it is asked fails at once. */
type Broken = ReadonlyMap<number, 'fails' | 'hangs'>

function brokenNode(broken: Broken, { nodeId, method }: ObjectCall): ObjectFault | undefined {
  const fault = broken.get(nodeId)
  return fault === undefined ? undefined : { fault: method === 'put' ? fault : 'fails' }
}

/** What may befall a call of a node that keeps its data: the controller takes lost or damaged objects for a lost bucket. */
function callFault(random: SeededRandom, percent: number, { method }: ObjectCall): ObjectFault | undefined {
  if (random.integer(1, 100) > percent) return undefined
  return { fault: method === 'put' && random.integer(0, 1) === 0 ? 'landsAnyway' : 'fails' }
}

/** Nodes break and are mended, most of the time no more than one at once. */
function breakNodes(random: SeededRandom, broken: Map<number, 'fails' | 'hangs'>): void {
  for (const nodeId of [0, 1, 2]) {
    if (broken.has(nodeId) && random.integer(0, 3) === 0) broken.delete(nodeId)
    else if (random.integer(0, broken.size * 12 + 8) === 0) {
      broken.set(nodeId, random.integer(0, 1) === 0 ? 'fails' : 'hangs')
    }
  }
}

/** What was asked for in the background is done, or lost. */
async function doTasks(deps: TestDeps, random: SeededRandom): Promise<void> {
  for (const task of deps.triggered.splice(0)) {
    if (random.integer(0, 2) === 0) continue
    if (task.task === 'controller') await runController(deps)
    else await catchUp(deps, task)
  }
}

/** All nodes are fit again, and the controller has put the partition in order. */
async function mendAll(deps: TestDeps): Promise<void> {
  noFaults(deps)
  for (let round = 0; round < 3; round += 1) {
    deps.clock.set(deps.clock.nowMs() + 700_000)
    await runController(deps)
    await doTasks(deps, { ...seededRandom(0), integer: () => 1 })
  }
}

test('with nodes that fail and hang, elections and catch-ups, nothing acknowledged is lost and nothing is broken', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(2 ** 31), fc.constantFrom(0, 5), async (seed, percent) => {
      const random = seededRandom(seed)
      const { deps, topicId, environments } = await tinyCluster(seed)
      const clients = newClients(-1)
      const broken = new Map<number, 'fails' | 'hangs'>()
      let before: Head | undefined
      for (let step = 0; step < 40; step += 1) {
        breakNodes(random, broken)
        faults(deps, random, { documents: percent, objects: percent })
        for (const node of deps.nodes.values()) {
          node.faults.always((call) => brokenNode(broken, call) ?? callFault(random, percent, call))
        }
        const environment = environments[random.integer(0, 2)] ?? deps
        const producer = random.integer(-1, PRODUCERS - 1)
        if (producer < 0) await clients.send(environment)
        else await clients.sendSequenced(environment, producer)
        await check()
        await doTasks(environment, random)
        if (random.integer(0, 9) === 0) deps.clock.set(deps.clock.nowMs() + random.integer(0, 30_000))
        await check()
      }
      await mendAll(deps)
      await settle({ deps, topicId }, clients)
      await check()

      async function check(): Promise<void> {
        const { broken: facts, stored } = await brokenInvariants(deps, topicId, before)
        expect(facts).toEqual([])
        before = stored.head
      }
    }),
    { numRuns: 15 },
  )
})

test('with acks=1 and nodes that fail and hang, what a replica misses is known at any time', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(2 ** 31), async (seed) => {
      const random = seededRandom(seed)
      const { deps, topicId, environments } = await tinyCluster(seed)
      const broken = new Map<number, 'fails' | 'hangs'>()
      const clients = { 1: newClients(1, 'leader'), [-1]: newClients(-1, 'all') }
      let before: Head | undefined
      for (let step = 0; step < 40; step += 1) {
        breakNodes(random, broken)
        for (const node of deps.nodes.values()) node.faults.always((call) => brokenNode(broken, call))
        const environment = environments[random.integer(0, 2)] ?? deps
        await clients[random.integer(0, 1) === 0 ? 1 : -1].send(environment)
        const tasks = deps.triggered.splice(0).filter(({ task }) => task === 'catchUp')
        deps.triggered.push(...tasks)
        await doTasks(environment, random)
        await rejoin(environment, topicId, random)
        const { broken: facts, stored } = await brokenInvariants(deps, topicId, before)
        expect(facts).toEqual([])
        before = stored.head
      }
      noFaults(deps)
      await deps.clock.sleep(1)
      const log = await fetchAll(otherEnvironment(deps))
      const { highWatermark } = await storedHead(deps, topicId)
      const isVisible = ({ acknowledged }: SentBatch) =>
        acknowledged?.offset !== undefined && acknowledged.offset < highWatermark
      expect(brokenPromises(clients[1].sent.filter(isVisible), log)).toEqual([])
      expect(brokenPromises(clients[-1].sent, log)).toEqual([])
    }),
    { numRuns: 15 },
  )
})

/** A replica outside joins again now and then, as the controller will have it. */
async function rejoin(deps: TestDeps, topicId: string, random: SeededRandom): Promise<void> {
  const head = await storedHead(deps, topicId)
  const [replica] = outsiders(head)
  if (replica === undefined || random.integer(0, 3) > 0) return
  const plan = encodeHeadPlan(joinReplica(head, replica, deps.clock.nowMs()))
  await deps.documents.store.update(headKey(topicId, 0), plan)
}

/** I13, under faults: what is answered is below the high watermark, from the offset on and without a gap. */
async function checkFetch(deps: TestDeps, random: SeededRandom): Promise<void> {
  const offset = random.integer(0, 20)
  const row = await fetchOne(deps, offset, { partitionMaxBytes: 400 })
  if (errorOf(row) !== undefined) {
    expect(['KAFKA_STORAGE_ERROR', 'OFFSET_OUT_OF_RANGE']).toContain(errorOf(row))
    return
  }
  let nextOffset = offset
  for (const [position, batch] of seen(row.batches).entries()) {
    if (position === 0) expect(batch.baseOffset).toBeLessThanOrEqual(offset)
    else expect(batch.baseOffset).toBe(nextOffset)
    nextOffset = batch.baseOffset + batch.recordCount
  }
  expect(row.nextOffset).toBe(nextOffset)
  if (row.batches.length > 0) expect(nextOffset).toBeLessThanOrEqual(row.highWatermark)
}

test('handlers at once on one partition, their calls in any order, lose, double and break nothing', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(2 ** 31),
      fc.constantFrom(0, 0, 5),
      fc.boolean(),
      async (seed, percent, hasBrokenNodes) => {
        const random = seededRandom(seed)
        const turns = newTurns(random)
        const { deps, topicId, environments } = await tinyCluster(seed)
        // A put waits for as many turns as there are calls under way.
        deps.clock.turnsPerSleep(60)
        const clients = newClients(-1)
        const broken = new Map<number, 'fails' | 'hangs'>()
        let before: Head | undefined
        for (let round = 0; round < 8; round += 1) {
          if (hasBrokenNodes) breakNodes(random, broken)
          deps.documents.faults.always(
            (call) => documentFault(random, percent, call) ?? { fault: turnAround(random), run: turns.wait },
          )
          for (const node of deps.nodes.values()) {
            node.faults.always(
              (call) =>
                brokenNode(broken, call) ??
                (hasBrokenNodes ? callFault : objectFault)(random, percent / 3, call) ?? {
                  fault: 'before',
                  run: turns.wait,
                },
            )
          }
          const producers = Array.from({ length: PRODUCERS }, (_, id) => id).filter(
            () => random.integer(0, 1) === 0,
          )
          const environment = () => environments[random.integer(0, 2)] ?? deps
          await Promise.all([
            clients.send(environment()),
            ...producers.map((id) =>
              random.integer(0, 2) === 0
                ? clients.sendSequencedTwice([environment(), environment()], id)
                : clients.sendSequenced(environment(), id),
            ),
            clients.send(environment()),
            ...(hasBrokenNodes ? [doTasks(environment(), random)] : []),
          ])
          const { broken: facts, stored } = await brokenInvariants(deps, topicId, before)
          expect(facts).toEqual([])
          before = stored.head
        }
        if (hasBrokenNodes) await mendAll(deps)
        await settle({ deps, topicId }, clients)
      },
    ),
    { numRuns: 40 },
  )
})

/** A turn before a call lets others act between a read and what follows it; one after it, between a write and its answer. */
function turnAround(random: SeededRandom): 'before' | 'after' {
  return random.integer(0, 1) === 0 ? 'before' : 'after'
}
