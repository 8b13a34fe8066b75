import { describe, expect, test } from 'vitest'
import { fence } from '../../shared/core/election.ts'
import { walKey } from '../../shared/core/wal-object.ts'
import { runController } from '../../shared/service/controller.ts'
import { updateHead } from '../../shared/service/heads.ts'
import { reportMissing } from '../../shared/service/report-node.ts'
import { readTopic } from '../../shared/service/topics.ts'
import { partitionPk } from '../../shared/store/keys.ts'
import { isHeadUpdate } from '../support/calls.ts'
import { batchOf, createTopic, fetchAll, produceOne, TOPIC } from '../support/log-requests.ts'
import { asTimePasses, nodeNow, nodeTroubles, runTriggered } from '../support/node-troubles.ts'
import { brokenInvariants, storedHead } from '../support/partition-invariants.ts'
import { otherEnvironment, START_MS, type TestDeps, testDeps } from '../support/test-deps.ts'

const BATCHES = 6
const never = new AbortController().signal

/** A log of single records, and another topic on the same nodes. */
async function logOf(configs: Readonly<Record<string, string>> = {}) {
  const deps = await testDeps()
  const topicId = await createTopic(deps, TOPIC, { configs })
  await createTopic(deps, 'untouched')
  for (let batch = 0; batch < BATCHES; batch += 1) {
    await produceOne(deps, batchOf(1, { value: `v${batch}` }))
    await produceOne(deps, batchOf(1, { value: `u${batch}` }), { topic: 'untouched' })
  }
  return { deps, topicId }
}

/** Damages the copy of batch `position` that a node has, and has a reader report it. */
async function lose(
  deps: TestDeps,
  topicId: string,
  { node, position }: { node: number; position: number },
  reader: TestDeps = otherEnvironment(deps),
) {
  const partition = { topic: await readTopic(deps, TOPIC), partitionIndex: 0 }
  const { stored } = await brokenInvariants(deps, topicId, undefined)
  const batch = stored.batches[position]
  const replica = stored.head.replicas.find((name) => name.startsWith(`${node}.`))
  if (batch === undefined || replica === undefined) throw new Error('there is no such copy')
  const key = walKey(batch.reference.objectId)
  const bytes = await deps.nodes.get(node)?.store.get(key, undefined, never)
  if (bytes !== undefined) {
    const last = batch.reference.position + batch.reference.length - 1
    await deps.nodes.get(node)?.store.put(key, [bytes.with(last, (bytes[last] ?? 0) ^ 1)], never)
  }
  await reportMissing(reader, partition, batch, replica)
}

async function control(deps: TestDeps): Promise<void> {
  await asTimePasses(deps, runController(deps))
  await asTimePasses(deps, runTriggered(deps))
}

async function whole(deps: TestDeps, topicId: string): Promise<void> {
  const { broken, stored } = await brokenInvariants(deps, topicId, undefined)
  expect(broken).toEqual([])
  expect(stored.head.isr).toHaveLength(3)
  expect(stored.head.holeStart).toEqual({})
  const values = (await fetchAll(otherEnvironment(deps))).map(({ value }) => value)
  expect(values).toEqual(Array.from({ length: BATCHES }, (_, batch) => `v${batch}`))
}

describe('a copy that is gone or damaged', () => {
  test.each([0, 1, 2])(
    'on node %i is copied anew, whoever leads, and nothing else is touched',
    async (node) => {
      const { deps, topicId } = await logOf()
      const untouched = await storedHead(deps, (await readTopic(deps, 'untouched')).topicId)
      await lose(deps, topicId, { node, position: 2 })
      await control(deps)
      await whole(deps, topicId)
      expect(await nodeNow(deps, node)).toMatchObject({ state: 'UP', incarnation: 1 })
      expect((await nodeNow(deps, node)).lost).toEqual({})
      const { dueAtMs: _, ...now } = await storedHead(deps, (await readTopic(deps, 'untouched')).topicId)
      expect({ ...untouched, controllerEpoch: 0 }).toMatchObject({ ...now, controllerEpoch: 0 })
    },
  )

  test('of another batch on each node is mended one after the other: nothing is lost', async () => {
    const { deps, topicId } = await logOf()
    for (const node of [0, 1, 2]) await lose(deps, topicId, { node, position: node + 1 })
    for (let round = 0; round < 4; round += 1) await control(deps)
    await whole(deps, topicId)
  })

  test('at several offsets is mended from the lowest on, in whatever order they are missed', async () => {
    const { deps, topicId } = await logOf()
    const reader = otherEnvironment(deps)
    for (const position of [4, 1, 3]) await lose(deps, topicId, { node: 0, position }, reader)
    expect((await nodeNow(deps, 0)).lost).toEqual({ [partitionPk(topicId, 0)]: 1 })
    await control(deps)
    await whole(deps, topicId)
  })

  test('waits while the others are not whole', async () => {
    const { deps, topicId } = await logOf()
    const troubles = nodeTroubles(deps)
    const { leader = '', replicas } = await storedHead(deps, topicId)
    const [first = '', second = ''] = replicas.filter((replica) => replica !== leader)
    troubles.set(Number(first[0]), 'fails')
    troubles.set(Number(leader[0]), 'fails')
    await control(deps)
    await lose(deps, topicId, { node: Number(second[0]), position: 2 })
    await control(deps)
    // It is the only one that is left: it leads on with what it has.
    expect(await storedHead(deps, topicId)).toMatchObject({ leader: second, isr: [second] })
    expect((await nodeNow(deps, Number(second[0]))).lost).toEqual({ [partitionPk(topicId, 0)]: 2 })
    troubles.set(Number(first[0]), undefined)
    troubles.set(Number(leader[0]), undefined)
    deps.clock.set(deps.clock.nowMs() + 3_600_000)
    for (let round = 0; round < 4; round += 1) await control(deps)
    await whole(deps, topicId)
  })

  test('to a reader, and sound when the controller looks, is not given up: it was damaged on its way', async () => {
    const { deps, topicId } = await logOf()
    const before = await storedHead(deps, topicId)
    const leaderNode = Number(before.leader?.[0])
    const { stored } = await brokenInvariants(deps, topicId, undefined)
    const key = walKey(stored.batches[2]?.reference.objectId ?? new Uint8Array())
    for (let read = 0; read < 2; read += 1) {
      deps.nodes
        .get(leaderNode)
        ?.faults.once((call) => call.method === 'get' && call.key === key, { fault: 'corrupt' })
    }
    await fetchAll(otherEnvironment(deps))
    expect((await nodeNow(deps, leaderNode)).lost).toEqual({ [partitionPk(topicId, 0)]: 2 })
    await control(deps)
    expect(await storedHead(deps, topicId)).toMatchObject({
      leader: before.leader,
      leaderEpoch: before.leaderEpoch,
      isr: before.isr,
      holeStart: {},
    })
    expect((await nodeNow(deps, leaderNode)).lost).toEqual({})
  })

  test('that the controller cannot read waits until it can', async () => {
    const { deps, topicId } = await logOf()
    const { leader = '', isr } = await storedHead(deps, topicId)
    const node = Number(leader[0])
    await lose(deps, topicId, { node, position: 2 })
    deps.nodes
      .get(node)
      ?.faults.always(({ method, key }) =>
        method === 'get' && key.startsWith('wal/') ? { fault: 'fails' } : undefined,
      )
    await control(deps)
    expect(await storedHead(deps, topicId)).toMatchObject({ leader, isr })
    expect((await nodeNow(deps, node)).lost).toEqual({ [partitionPk(topicId, 0)]: 2 })
    deps.nodes.get(node)?.faults.always(undefined)
    await control(deps)
    await whole(deps, topicId)
  })

  test('whose head cannot be read keeps neither another one waiting nor an election that is due', async () => {
    const { deps, topicId } = await logOf()
    const unreadable = await readTopic(deps, 'untouched')
    const leaderless = await createTopic(deps, 'leaderless')
    const { stored } = await brokenInvariants(deps, unreadable.topicId, undefined)
    const [batch] = stored.batches
    if (batch === undefined) throw new Error('no batch')
    await reportMissing(otherEnvironment(deps), { topic: unreadable, partitionIndex: 0 }, batch, '0.1')
    await lose(deps, topicId, { node: 1, position: 2 })
    const partition = { topic: await readTopic(deps, 'leaderless'), partitionIndex: 0 }
    await updateHead(deps, partition, fence(await storedHead(deps, leaderless), START_MS))
    deps.documents.faults.always(({ pk }) =>
      pk === partitionPk(unreadable.topicId, 0) ? { fault: 'throttled' } : undefined,
    )
    await control(deps)
    await whole(deps, topicId)
    expect((await storedHead(deps, leaderless)).leader).toBeDefined()
    deps.documents.faults.always(undefined)
    await control(deps)
    expect((await nodeNow(deps, 0)).lost).toEqual({})
  })

  test('on the leader moves the leadership once, though what comes after it fails', async () => {
    const { deps, topicId } = await logOf()
    const { leader = '', leaderEpoch } = await storedHead(deps, topicId)
    await lose(deps, topicId, { node: Number(leader[0]), position: 2 })
    let updates = 0
    deps.documents.faults.always((call) => {
      if (!isHeadUpdate(call) || call.pk !== partitionPk(topicId, 0)) return undefined
      updates += 1
      return updates === 2 ? { fault: 'throttled' } : undefined
    })
    await control(deps)
    expect(updates).toBeGreaterThan(2)
    await whole(deps, topicId)
    const { leaderEpoch: epochNow, leader: leaderNow } = await storedHead(deps, topicId)
    expect(epochNow).toBe(leaderEpoch + 1)
    expect(leaderNow).not.toBe(leader)
  })

  test('of a topic that is no more is forgotten', async () => {
    const { deps } = await logOf()
    const partition = { topic: await readTopic(deps, TOPIC), partitionIndex: 0 }
    const { stored } = await brokenInvariants(deps, partition.topic.topicId, undefined)
    const [batch] = stored.batches
    if (batch === undefined) throw new Error('no batch')
    await reportMissing(deps, partition, batch, '1.1')
    const { deleteTopics } = await import('../../shared/service/delete-topics.ts')
    await deleteTopics(deps, { topics: [{ name: TOPIC }] })
    await control(deps)
    expect((await nodeNow(deps, 1)).lost).toEqual({})
  })
})
