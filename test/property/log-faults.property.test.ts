import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Head } from '../../shared/core/head.ts'
import { brokenPromises, newClients } from '../support/clients.ts'
import type { DocumentCall, DocumentFault, ObjectCall, ObjectFault } from '../support/faulty-store.ts'
import { createTopic, errorOf, fetchAll, fetchOne, seen } from '../support/log-requests.ts'
import { brokenInvariants } from '../support/partition-invariants.ts'
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
async function settle(deps: TestDeps, clients: ReturnType<typeof newClients>): Promise<void> {
  noFaults(deps)
  for (let count = 0; count < 14; count += 1) await deps.documents.get({ pk: 'x', sk: 'y' }, 'strong')
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
        await settle(deps, clients)
      },
    ),
    { numRuns: 25 },
  )
})

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
    fc.asyncProperty(fc.nat(2 ** 31), fc.constantFrom(0, 0, 5), async (seed, percent) => {
      const random = seededRandom(seed)
      const turns = newTurns(random)
      const { deps, topicId, environments } = await tinyCluster(seed)
      const clients = newClients(-1)
      let before: Head | undefined
      for (let round = 0; round < 6; round += 1) {
        deps.documents.faults.always(
          (call) => documentFault(random, percent, call) ?? { fault: turnAround(random), run: turns.wait },
        )
        for (const node of deps.nodes.values()) {
          node.faults.always(
            (call) => objectFault(random, percent / 3, call) ?? { fault: 'before', run: turns.wait },
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
        ])
        const { broken, stored } = await brokenInvariants(deps, topicId, before)
        expect(broken).toEqual([])
        before = stored.head
      }
      await settle(deps, clients)
    }),
    { numRuns: 40 },
  )
})

/** A turn before a call lets others act between a read and what follows it; one after it, between a write and its answer. */
function turnAround(random: SeededRandom): 'before' | 'after' {
  return random.integer(0, 1) === 0 ? 'before' : 'after'
}
