import { describe, expect, test } from 'vitest'
import { controllerTick, runController, underLease } from '../../shared/service/controller.ts'
import { probeNode, probeNodes } from '../../shared/service/probe-nodes.ts'
import { reconcilePartition } from '../../shared/service/reconcile-partition.ts'
import { listLosses } from '../../shared/service/record-loss.ts'
import { readTopic } from '../../shared/service/topics.ts'
import { INCARNATION_OBJECT } from '../../shared/store/keys.ts'
import { changeHead } from '../support/calls.ts'
import {
  batchOf,
  createTopic,
  errorOf,
  fetchAll,
  fetchOne,
  produceOne,
  TOPIC,
} from '../support/log-requests.ts'
import { asTimePasses, nodeNow, nodeTroubles, runTriggered } from '../support/node-troubles.ts'
import { brokenInvariants, storedHead } from '../support/partition-invariants.ts'
import { otherEnvironment, type TestDeps, TINY_LIMITS, testDeps } from '../support/test-deps.ts'

const MINUTE = 60_000
const control = (deps: TestDeps) => asTimePasses(deps, runController(deps))
const values = async (deps: TestDeps) => (await fetchAll(otherEnvironment(deps))).map(({ value }) => value)
const broken = async (deps: TestDeps, topicId: string) =>
  (await brokenInvariants(deps, topicId, undefined)).broken

async function log(configs: Readonly<Record<string, string>> = {}) {
  const deps = await testDeps({
    limits: { ...TINY_LIMITS, listPage: 2 },
    configs: { 'min.insync.replicas': '2' },
  })
  const topicId = await createTopic(deps, TOPIC, { configs })
  const { replicas } = await storedHead(deps, topicId)
  const nodes = replicas.map((replica) => Number(replica[0])) as [number, number, number]
  const troubles = nodeTroubles(deps)
  const append = (value: string, options: { acks?: number; sequence?: number } = {}) => {
    const { sequence, ...rest } = options
    const producer =
      sequence === undefined ? {} : { producer: { producerId: 7, producerEpoch: 0, baseSequence: sequence } }
    return asTimePasses(
      deps,
      produceOne(deps, batchOf(1, { value, ...producer }), { ...rest, timeoutMs: 2000 }),
    )
  }
  /** Minutes pass in which nothing is wrong any more. */
  const rest = async () => {
    for (let minute = 0; minute < 4; minute += 1) {
      await asTimePasses(deps, controllerTick(deps))
      await runTriggered(deps)
      deps.clock.set(deps.clock.nowMs() + MINUTE)
    }
  }
  return { deps, topicId, nodes, troubles, append, rest }
}

const LETTERS = ['a', 'b', 'c', 'd', 'e', 'f', 'g']

test('the leader fails: everything acknowledged stays, and the next one takes appends at once', async () => {
  const { deps, topicId, nodes, troubles, append, rest } = await log()
  for (const letter of LETTERS) await append(letter)
  troubles.set(nodes[0], 'hangs')
  await control(deps)
  expect(await storedHead(deps, topicId)).toMatchObject({
    leader: `${nodes[1]}.1`,
    leaderEpoch: 1,
    logEndOffset: 7,
  })
  expect((await append('h')).errorName).toBeUndefined()
  troubles.set(nodes[0], undefined)
  await rest()
  expect(await values(deps)).toEqual([...LETTERS, 'h'])
  expect(await broken(deps, topicId)).toEqual([])
  expect((await storedHead(deps, topicId)).isr).toHaveLength(3)
})

test('the leader’s bucket is emptied: fenced, replaced, elected, and given everything again', async () => {
  const { deps, topicId, nodes, append, rest } = await log()
  for (const letter of LETTERS) await append(letter)
  await deps.wipe(nodes[0])
  await rest()
  expect(await storedHead(deps, topicId)).toMatchObject({
    leader: `${nodes[1]}.1`,
    replicas: [`${nodes[0]}.2`, `${nodes[1]}.1`, `${nodes[2]}.1`],
    isr: [`${nodes[0]}.2`, `${nodes[1]}.1`, `${nodes[2]}.1`],
  })
  expect(await values(deps)).toEqual(LETTERS)
  expect(await broken(deps, topicId)).toEqual([])
})

test('C10: a follower whose bucket was emptied unnoticed is not elected: buckets are looked at right before', async () => {
  const { deps, topicId, nodes, troubles, append, rest } = await log()
  for (const letter of LETTERS) await append(letter)
  troubles.set(nodes[0], 'fails')
  // The node answers the probe with its name, and is emptied then.
  let looks = 0
  deps.nodes.get(nodes[1])?.faults.once(({ key }) => key === 'incarnation' && ++looks === 1, {
    fault: 'after',
    run: () => deps.wipe(nodes[1]),
  })
  await control(deps)
  expect(await storedHead(deps, topicId)).toMatchObject({ leader: `${nodes[2]}.1`, leaderEpoch: 1 })
  expect(await nodeNow(deps, nodes[1])).toMatchObject({ incarnation: 2 })
  troubles.set(nodes[0], undefined)
  await rest()
  expect(await values(deps)).toEqual(LETTERS)
  expect(await broken(deps, topicId)).toEqual([])
})

test('C10: nor is one whose new bucket another partition found in that very moment', async () => {
  const { deps, topicId, nodes, troubles, append } = await log({ 'min.insync.replicas': '1' })
  await append('a')
  const partition = { topic: await readTopic(deps, TOPIC), partitionIndex: 0 }
  const before = await storedHead(deps, topicId)
  troubles.set(nodes[0], 'fails')
  const elected = await asTimePasses(
    deps,
    underLease(deps, async (control) => {
      await probeNodes(control)
      deps.nodes
        .get(nodes[1])
        ?.faults.once(({ method, key }) => method === 'get' && key === INCARNATION_OBJECT, {
          fault: 'before',
          run: async () => {
            await deps.wipe(nodes[1])
            await probeNode(control, nodes[1])
          },
        })
      return reconcilePartition(control, partition)
    }),
  )
  expect(elected).toMatchObject({ leader: `${nodes[2]}.1`, isr: [`${nodes[2]}.1`] })
  expect(elected?.leaderEpoch).toBe(before.leaderEpoch + 1) // there was no other election in between
})

test('the winner does not answer when it is looked at: the next one is elected', async () => {
  const { deps, topicId, nodes, troubles, append } = await log()
  await append('a')
  troubles.set(nodes[0], 'fails')
  let looks = 0
  deps.nodes.get(nodes[1])?.faults.once(({ key }) => key === 'incarnation' && ++looks === 1, {
    fault: 'after',
    run: async () => troubles.set(nodes[1], 'fails'),
  })
  await control(deps)
  expect(await storedHead(deps, topicId)).toMatchObject({
    leader: `${nodes[2]}.1`,
    leaderEpoch: 1,
    isr: [`${nodes[2]}.1`],
  })
  expect(await nodeNow(deps, nodes[1])).toMatchObject({ state: 'DOWN', holdDownMs: 10_000 })
  expect(deps.logged.map(({ message }) => message)).not.toContain('controller stopped')
})

test('many partitions meet a winner that does not answer, at once: no other controller is seen in that', async () => {
  const deps = await testDeps({ configs: { 'min.insync.replicas': '2' } })
  const topicId = await createTopic(deps, TOPIC, { partitions: 30 })
  const troubles = nodeTroubles(deps)
  troubles.set(0, 'fails')
  let looks = 0
  deps.nodes.get(1)?.faults.once(({ key }) => key === 'incarnation' && ++looks === 1, {
    fault: 'after',
    run: async () => troubles.set(1, 'fails'),
  })
  await control(deps)
  for (let partition = 0; partition < 30; partition += 1) {
    expect((await storedHead(deps, topicId, partition)).leader).toBe('2.1')
  }
  expect(await nodeNow(deps, 1)).toMatchObject({ state: 'DOWN', holdDownMs: 10_000 })
  expect(deps.logged.map(({ message }) => message)).not.toContain('controller stopped')
})

test('H4: the last one in sync loses its bucket: another that holds all below the high watermark is elected', async () => {
  const { deps, topicId, nodes, troubles, append, rest } = await log()
  for (const letter of LETTERS) await append(letter)
  troubles.set(nodes[1], 'fails')
  troubles.set(nodes[2], 'fails')
  await control(deps)
  expect((await storedHead(deps, topicId)).isr).toEqual([`${nodes[0]}.1`])
  expect((await append('alone', { acks: 1 })).errorName).toBeUndefined()
  await deps.wipe(nodes[0])
  await control(deps)
  expect(await storedHead(deps, topicId)).toMatchObject({ leader: undefined, isr: [] })
  troubles.set(nodes[1], undefined)
  troubles.set(nodes[2], undefined)
  await rest()
  expect(await values(deps)).toEqual(LETTERS)
  expect(await storedHead(deps, topicId)).toMatchObject({ logEndOffset: 7, highWatermark: 7, holeStart: {} })
  expect(await broken(deps, topicId)).toEqual([])
})

test('nobody can be elected: LEADER_NOT_AVAILABLE, until one is back that has everything', async () => {
  const { deps, topicId, nodes, troubles, append, rest } = await log()
  for (const letter of LETTERS) await append(letter)
  for (const nodeId of nodes) troubles.set(nodeId, 'fails')
  await control(deps)
  const refused = await append('h')
  expect(refused).toMatchObject({ errorName: 'LEADER_NOT_AVAILABLE', effect: 'none' })
  troubles.set(nodes[2], undefined)
  await control(deps)
  expect((await storedHead(deps, topicId)).leader).toBe(`${nodes[2]}.1`)
  troubles.set(nodes[0], undefined)
  troubles.set(nodes[1], undefined)
  await rest()
  expect(await values(deps)).toEqual(LETTERS)
  expect(await broken(deps, topicId)).toEqual([])
})

describe('an unclean election', () => {
  /** The third has no more than `held` of twelve batches, which are in pages; both others are gone for good. */
  async function torn(configs: Readonly<Record<string, string>>, held: number) {
    const made = await log(configs)
    const { deps, topicId, nodes, troubles, append } = made
    for (let sequence = 0; sequence < 12; sequence += 1) await append(`v${sequence}`, { sequence })
    const third = `${nodes[2]}.1`
    await changeHead(deps, topicId, {
      isr: [`${nodes[0]}.1`, `${nodes[1]}.1`],
      holeStart: { [third]: held },
      holeSince: { [third]: 1 },
      partitionEpoch: 1,
    })
    troubles.set(nodes[0], 'fails')
    troubles.set(nodes[1], 'fails')
    await control(deps)
    return made
  }

  test('does not happen where nobody allowed it', async () => {
    const { deps, topicId } = await torn({}, 5)
    expect(await storedHead(deps, topicId)).toMatchObject({ leader: undefined, logEndOffset: 12 })
  })

  test.each([0, 1, 5, 6, 11])(
    'with %i of 12 batches: the loss is listed, and the log goes on where it ends',
    async (held) => {
      const { deps, topicId, nodes, troubles, append, rest } = await torn(
        { 'unclean.leader.election.enable': 'true' },
        held,
      )
      const head = await storedHead(deps, topicId)
      expect(head).toMatchObject({ leader: `${nodes[2]}.1`, logEndOffset: held, highWatermark: held })
      const partition = { topic: await readTopic(deps, TOPIC), partitionIndex: 0 }
      expect(await listLosses(deps, partition, head)).toMatchObject([
        { fromOffset: held, toOffset: 12, committedTo: 12, leader: `${nodes[2]}.1`, leaderEpoch: 1 },
      ])
      troubles.set(nodes[0], undefined)
      troubles.set(nodes[1], undefined)
      await rest()
      // The producer's first batch that was lost is the next one that is taken, and none of those that stayed is taken twice.
      if (held > 0) expect((await append('again', { sequence: held - 1 })).baseOffset).toBe(held - 1)
      for (let sequence = held; sequence < 14; sequence += 1) {
        expect(await append(`w${sequence}`, { sequence })).toMatchObject({
          errorName: undefined,
          baseOffset: sequence,
        })
      }
      const kept = Array.from({ length: held }, (_, position) => `v${position}`)
      const anew = Array.from({ length: 14 - held }, (_, position) => `w${held + position}`)
      expect(await values(deps)).toEqual([...kept, ...anew])
      expect(await broken(deps, topicId)).toEqual([])
      expect(errorOf(await fetchOne(otherEnvironment(deps), 13))).toBeUndefined()
    },
  )

  test('reads pages from the end down to the first batch that stays', async () => {
    const { deps } = await torn({ 'unclean.leader.election.enable': 'true' }, 11)
    const pages = deps.documents.faults.calls.filter(
      ({ method, pk }) => method === 'list' && pk.startsWith('P#'),
    )
    expect(pages).toHaveLength(1)
  })
})
