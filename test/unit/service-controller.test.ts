import { describe, expect, test } from 'vitest'
import { fence } from '../../shared/core/election.ts'
import { replaceReplica } from '../../shared/core/isr-commands.ts'
import { controllerTick, runController } from '../../shared/service/controller.ts'
import { deleteTopics } from '../../shared/service/delete-topics.ts'
import { updateHead } from '../../shared/service/heads.ts'
import { listLosses } from '../../shared/service/record-loss.ts'
import { readTopic } from '../../shared/service/topics.ts'
import { CONTROLLER, headKey, lossKey, partitionPk, topicKey } from '../../shared/store/keys.ts'
import { changeHead, isHeadUpdate, runBefore } from '../support/calls.ts'
import type { DocumentCall } from '../support/faulty-store.ts'
import { batchOf, createTopic, produceOne, TOPIC } from '../support/log-requests.ts'
import { asTimePasses, nodeNow, nodeTroubles, runTriggered } from '../support/node-troubles.ts'
import { storedHead } from '../support/partition-invariants.ts'
import { otherEnvironment, type TestDeps, testDeps } from '../support/test-deps.ts'

const control = (deps: TestDeps) => asTimePasses(deps, runController(deps))
const tick = (deps: TestDeps) => asTimePasses(deps, controllerTick(deps))
const isNodeUpdate = ({ method, sk }: DocumentCall) => method === 'update' && sk.startsWith('NODE#')
const isLease = ({ sk }: DocumentCall) => sk === CONTROLLER.sk
const isLoss = ({ sk, method }: DocumentCall) => method === 'put' && sk.startsWith('LOSS#')
const stops = (deps: TestDeps) =>
  deps.logged.filter(({ message }) => message === 'controller stopped').map(({ fields }) => fields.errorName)
const lease = async (deps: TestDeps) => deps.documents.store.get(CONTROLLER, 'strong')

async function log(configs: Readonly<Record<string, string>> = {}) {
  const deps = await testDeps({ configs: { 'min.insync.replicas': '2' } })
  const topicId = await createTopic(deps, TOPIC, { configs })
  await produceOne(deps, batchOf(2, { value: 'first' }))
  const { replicas } = await storedHead(deps, topicId)
  const nodes = replicas.map((replica) => Number(replica[0]))
  const partition = { topic: await readTopic(deps, TOPIC), partitionIndex: 0 }
  return { deps, topicId, nodes, partition, troubles: nodeTroubles(deps), others: otherEnvironment(deps) }
}

describe('H17: a controller that slept while another one worked', () => {
  /** A sleeps before the call; its lease ends, and B comes while the nodes are well again. */
  const whileAsleep = (
    made: Awaited<ReturnType<typeof log>>,
    more: () => Promise<unknown> = async () => undefined,
  ) =>
    runBefore(async () => {
      const { deps, nodes, troubles, others } = made
      deps.clock.set(deps.clock.nowMs() + 10_000)
      for (const nodeId of nodes) troubles.set(nodeId, undefined)
      await runController(others)
      await more()
    })

  test('changes no node', async () => {
    const made = await log()
    const { deps, nodes, troubles } = made
    const [leading = 0] = nodes
    troubles.set(leading, 'fails')
    let writes = 0
    // After the claims of all nodes: that the node is DOWN.
    deps.documents.faults.once((call) => isNodeUpdate(call) && ++writes === 4, whileAsleep(made))
    await control(deps)
    expect(stops(deps)).toEqual(['NOT_CONTROLLER'])
    expect(await nodeNow(deps, leading)).toMatchObject({ state: 'UP', nodeEpoch: 0, controllerEpoch: 2 })
    expect((await storedHead(deps, made.topicId)).leaderEpoch).toBe(0)
  })

  test('fences no head that the other one wrote to', async () => {
    const made = await log()
    const { deps, nodes, troubles, topicId } = made
    const head = await storedHead(deps, topicId)
    // Something is due, so that the other one has a reason to write.
    await changeHead(deps, topicId, { dueAtMs: 1 })
    troubles.set(nodes[0] ?? 0, 'fails')
    deps.documents.faults.once(isHeadUpdate, whileAsleep(made))
    await control(deps)
    expect(await storedHead(deps, topicId)).toMatchObject({
      controllerEpoch: 2,
      leaderEpoch: 0,
      leader: head.leader,
    })
    expect(stops(deps)).toEqual(['NOT_CONTROLLER'])
  })

  test('where the other one had nothing to write, its fence is all that it does: the next append has it undone', async () => {
    const made = await log()
    const { deps, nodes, troubles, topicId, others } = made
    await changeHead(deps, topicId, { dueAtMs: undefined })
    troubles.set(nodes[0] ?? 0, 'fails')
    deps.documents.faults.once(isHeadUpdate, whileAsleep(made))
    await control(deps)
    expect(stops(deps)).toEqual(['NOT_CONTROLLER'])
    expect(await storedHead(deps, topicId)).toMatchObject({ leader: undefined, leaderEpoch: 1 })
    await asTimePasses(deps, produceOne(others, batchOf(1)))
    await runTriggered(deps)
    const appended = await asTimePasses(deps, produceOne(others, batchOf(1)))
    expect(appended).toMatchObject({ errorName: undefined, baseOffset: 2 })
    expect(await storedHead(deps, topicId)).toMatchObject({ leader: `${nodes[0]}.1`, leaderEpoch: 1 })
  })

  test('elects nobody', async () => {
    const made = await log()
    const { deps, nodes, troubles, topicId } = made
    troubles.set(nodes[0] ?? 0, 'fails')
    let writes = 0
    deps.documents.faults.once((call) => isHeadUpdate(call) && ++writes === 2, whileAsleep(made))
    await control(deps)
    const head = await storedHead(deps, topicId)
    expect(head).toMatchObject({ controllerEpoch: 2, leader: head.replicas[0], leaderEpoch: 1 })
    expect(stops(deps)).toEqual(['NOT_CONTROLLER'])
  })

  test('stops where it wakes up, though the other one wrote to nothing that it wanted to write to', async () => {
    const made = await log()
    const { deps, nodes, troubles, topicId } = made
    troubles.set(nodes[0] ?? 0, 'fails')
    // It sleeps before it reads the head that it is going to fence.
    deps.documents.faults.once(
      ({ method, sk }) => method === 'get' && sk === 'HEAD',
      runBefore(async () => {
        deps.clock.set(deps.clock.nowMs() + 10_000)
        await deps.documents.store.update(CONTROLLER, {
          checks: [],
          changes: [{ change: 'set', path: ['controllerEpoch'], value: 9, ifAbsent: false }],
        })
      }),
    )
    await control(deps)
    expect((await storedHead(deps, topicId)).leaderEpoch).toBe(0)
    expect(stops(deps)).toEqual(['NOT_CONTROLLER'])
  })

  test('does not write its loss over the one that came about', async () => {
    const made = await log({ 'unclean.leader.election.enable': 'true' })
    const { deps, nodes, troubles, topicId, partition } = made
    const [leading = 0, second = 0, third = 0] = nodes
    // The second lacks everything, the third half of it; nobody else is there.
    const head = await storedHead(deps, topicId)
    await changeHead(deps, topicId, {
      isr: [`${leading}.1`],
      holeStart: { [`${second}.1`]: 0, [`${third}.1`]: 0 },
      holeSince: { [`${second}.1`]: 1, [`${third}.1`]: 1 },
    })
    await produceOne(deps, batchOf(3), { acks: 1 })
    await changeHead(deps, topicId, { holeStart: { [`${second}.1`]: 0, [`${third}.1`]: 2 } })
    troubles.set(leading, 'fails')
    troubles.set(third, 'fails')
    deps.documents.faults.once(
      isLoss,
      runBefore(async () => {
        deps.clock.set(deps.clock.nowMs() + 10_000)
        troubles.set(third, undefined)
        troubles.set(second, 'fails')
        await runController(made.others)
      }),
    )
    await control(deps)
    const after = await storedHead(deps, topicId)
    expect(after).toMatchObject({ leader: `${third}.1`, logEndOffset: 2, leaderEpoch: head.leaderEpoch + 1 })
    expect(await listLosses(deps, partition, after)).toMatchObject([
      { fromOffset: 2, toOffset: 5, leaderEpoch: after.leaderEpoch },
    ])
    expect(stops(deps)).toEqual(['NOT_CONTROLLER'])
  })
})

describe('two controllers at once', () => {
  test('one works, the other one waits and finds nothing to do', async () => {
    const { deps, topicId, nodes, troubles, others } = await log()
    troubles.set(nodes[0] ?? 0, 'fails')
    await asTimePasses(deps, Promise.all([runController(deps), runController(others)]))
    expect(await storedHead(deps, topicId)).toMatchObject({ leaderEpoch: 1, leader: `${nodes[1]}.1` })
    expect(stops(deps)).toEqual([])
    expect(await lease(deps)).toMatchObject({ controllerEpoch: 2, expiresAtMs: 0 })
  })

  test('a lease whose taking was answered as refused is taken when it is over', async () => {
    const { deps, topicId, nodes, troubles } = await log()
    troubles.set(nodes[0] ?? 0, 'fails')
    await deps.documents.put(CONTROLLER, { holder: '', controllerEpoch: 0, expiresAtMs: 0 }, 'absent')
    deps.documents.faults.once(isLease, { fault: 'twice' })
    await control(deps)
    expect((await storedHead(deps, topicId)).leader).toBe(`${nodes[1]}.1`)
    expect(await lease(deps)).toMatchObject({ expiresAtMs: 0 })
  })
})

describe('a controller that is killed', () => {
  /** Everything fails from the call on: nothing of the controller is heard again, and its lease runs out. */
  const killAt = (deps: TestDeps, isLast: (call: DocumentCall) => boolean) => {
    let isDead = false
    deps.documents.faults.always((call) => {
      isDead ||= isLast(call)
      return isDead ? { fault: 'throttled' } : undefined
    })
  }

  test('between fence and election: the next minute elects, and no append is taken meanwhile', async () => {
    const { deps, topicId, nodes, troubles } = await log()
    troubles.set(nodes[0] ?? 0, 'fails')
    let writes = 0
    killAt(deps, (call) => isHeadUpdate(call) && ++writes === 2)
    await control(deps)
    deps.documents.faults.always(undefined)
    expect(await storedHead(deps, topicId)).toMatchObject({ leader: undefined, leaderEpoch: 1 })
    const refused = await asTimePasses(deps, produceOne(otherEnvironment(deps), batchOf(1)))
    expect(refused).toMatchObject({ errorName: 'LEADER_NOT_AVAILABLE', effect: 'none' })
    deps.clock.set(deps.clock.nowMs() + 60_000)
    await tick(otherEnvironment(deps))
    expect(await storedHead(deps, topicId)).toMatchObject({
      leader: `${nodes[1]}.1`,
      leaderEpoch: 1,
      logEndOffset: 2,
    })
    expect(await lease(deps)).toMatchObject({ expiresAtMs: 0 })
  })

  test('between the loss and its election: it is listed only once the election came about', async () => {
    const { deps, topicId, nodes, partition, troubles } = await log({
      'unclean.leader.election.enable': 'true',
    })
    const [leading = 0, second = 0, third = 0] = nodes
    await changeHead(deps, topicId, {
      isr: [`${leading}.1`],
      holeStart: { [`${second}.1`]: 0, [`${third}.1`]: 0 },
      holeSince: { [`${second}.1`]: 1, [`${third}.1`]: 1 },
    })
    troubles.set(leading, 'fails')
    let stored = false
    killAt(deps, (call) => {
      if (stored && isHeadUpdate(call)) return true
      stored ||= isLoss(call)
      return false
    })
    await control(deps)
    deps.documents.faults.always(undefined)
    const fenced = await storedHead(deps, topicId)
    expect(fenced.leader).toBeUndefined()
    const key = lossKey(partitionPk(topicId, 0), fenced.leaderEpoch)
    expect(await deps.documents.store.get(key, 'strong')).toMatchObject({ fromOffset: 0, toOffset: 2 })
    expect(await listLosses(deps, partition, fenced)).toEqual([])
    // Now the one that has everything is back: nothing is lost.
    troubles.set(leading, undefined)
    deps.clock.set(deps.clock.nowMs() + 60_000)
    await tick(otherEnvironment(deps))
    const after = await storedHead(deps, topicId)
    expect(after).toMatchObject({ leader: `${leading}.1`, logEndOffset: 2 })
    expect(await listLosses(deps, partition, after)).toEqual([])
  })

  test('anywhere: the lease runs out or is given back, and the next one ends the work', async () => {
    for (let dies = 1; dies < 60; dies += 1) {
      const { deps, topicId, nodes, troubles } = await log()
      troubles.set(nodes[0] ?? 0, 'fails')
      let calls = 0
      killAt(deps, () => ++calls === dies)
      await control(deps)
      deps.documents.faults.always(undefined)
      await control(otherEnvironment(deps))
      const head = await storedHead(deps, topicId)
      expect({ dies, leader: head.leader, isr: head.isr }).toEqual({
        dies,
        leader: `${nodes[1]}.1`,
        isr: [`${nodes[1]}.1`, `${nodes[2]}.1`],
      })
      expect(await nodeNow(deps, nodes[0] ?? 0)).toMatchObject({ state: 'DOWN', walkedTo: undefined })
      expect(await lease(deps)).toMatchObject({ expiresAtMs: 0 })
    }
  })
})

describe('the tick', () => {
  const callsOf = async (deps: TestDeps) => {
    deps.documents.faults.calls.length = 0
    for (const node of deps.nodes.values()) node.faults.calls.length = 0
    await tick(deps)
    const objects = [...deps.nodes.values()].flatMap((node) => node.faults.calls)
    return { documents: deps.documents.faults.calls.map(({ method }) => method).toSorted(), objects }
  }

  test('of an idle cluster makes four queries and a list, and takes no lease', async () => {
    const deps = await testDeps()
    await createTopic(deps)
    deps.clock.set(deps.clock.nowMs() + deps.limits.newHeadDueMs)
    await tick(deps)
    const before = await lease(deps)
    expect(await callsOf(deps)).toEqual({ documents: ['due', 'due', 'due', 'due', 'list'], objects: [] })
    expect(await lease(deps)).toEqual(before)
  })

  test('where something was appended, looks at each node too', async () => {
    const { deps } = await log()
    const { documents, objects } = await callsOf(deps)
    expect(documents).toEqual(['due', 'due', 'due', 'due', 'list'])
    expect(objects.map(({ method, key }) => `${method} ${key}`)).toEqual(Array(3).fill('get incarnation'))
  })

  test('a partition that needs nothing is due a day later', async () => {
    const { deps, topicId } = await log()
    const { dueAtMs = 0 } = await storedHead(deps, topicId)
    deps.clock.set(dueAtMs)
    await tick(deps)
    const head = await storedHead(deps, topicId)
    expect(head.dueAtMs).toBeGreaterThan(dueAtMs + 86_000_000)
    expect((await callsOf(deps)).documents).toHaveLength(5)
  })

  test('and gets the cluster’s min.insync.replicas then, where that was changed', async () => {
    const { deps, topicId, others } = await log()
    const changed = { ...others, configs: { ...deps.configs, 'min.insync.replicas': 3 } }
    deps.clock.set((await storedHead(deps, topicId)).dueAtMs ?? 0)
    await tick(changed)
    expect((await storedHead(deps, topicId)).minIsr).toBe(3)
  })

  test('an empty one is due no more', async () => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    await changeHead(deps, topicId, { dueAtMs: 1 })
    await tick(deps)
    expect((await storedHead(deps, topicId)).dueAtMs).toBeUndefined()
  })

  test('H19: what opens a hole within the same millisecond stays due', async () => {
    const { deps, topicId, nodes } = await log()
    const nowMs = deps.clock.nowMs()
    await changeHead(deps, topicId, { dueAtMs: nowMs })
    deps.documents.faults.once(
      isHeadUpdate,
      runBefore(() =>
        changeHead(deps, topicId, {
          holeStart: { [`${nodes[1]}.1`]: 2 },
          holeEnd: { [`${nodes[1]}.1`]: 2 },
          holeSince: { [`${nodes[1]}.1`]: nowMs },
        }),
      ),
    )
    await tick(deps)
    expect(deps.triggered).toMatchObject([{ task: 'catchUp', topicId }])
    await runTriggered(deps)
    expect((await storedHead(deps, topicId)).holeStart).toEqual({})
  })

  test('a head that no topic has is looked at again later, then once a day, and is given no leader', async () => {
    const { deps, topicId } = await log()
    await changeHead(deps, topicId, { leader: undefined, leaderEpoch: 1, dueAtMs: 1 })
    await deps.documents.store.delete(topicKey(TOPIC), [])
    await tick(deps)
    const { dueAtMs: nextMs = 0 } = await storedHead(deps, topicId)
    expect(nextMs).toBeGreaterThan(deps.clock.nowMs())
    expect(nextMs).toBeLessThan(deps.clock.nowMs() + 3_600_000)
    deps.clock.set(nextMs)
    await tick(deps)
    const head = await storedHead(deps, topicId)
    expect(head.leader).toBeUndefined()
    expect(head.dueAtMs).toBeGreaterThan(nextMs + 86_000_000)
  })

  test('a deletion that was begun is finished, after somebody was given a leader', async () => {
    const { deps, topicId, nodes, troubles } = await log()
    const gone = await createTopic(deps, 'gone')
    deps.documents.faults.once(({ method, sk }) => method === 'delete' && sk === 'HEAD', {
      fault: 'throttled',
    })
    await deleteTopics(deps, { topics: [{ name: 'gone' }] })
    expect(await deps.documents.store.get(headKey(gone, 0), 'strong')).toBeDefined()
    troubles.set(nodes[0] ?? 0, 'fails')
    deps.documents.faults.always(({ pk }) => (pk.includes(gone) ? { fault: 'throttled' } : undefined))
    await tick(deps)
    expect((await storedHead(deps, topicId)).leader).toBe(`${nodes[1]}.1`)
    expect(deps.logged.map(({ message }) => message)).toContain('topic was not deleted')
    deps.documents.faults.always(undefined)
    await tick(deps)
    expect(await deps.documents.store.get(headKey(gone, 0), 'strong')).toBeUndefined()
    expect(await deps.documents.store.get(topicKey('gone'), 'strong')).toBeUndefined()
  })

  test('says once that nobody can lead a partition, and elects who comes back', async () => {
    const { deps, topicId, nodes, troubles } = await log()
    for (const nodeId of nodes) troubles.set(nodeId, 'fails')
    for (let minute = 0; minute < 5; minute += 1) {
      await control(deps)
      deps.clock.set(deps.clock.nowMs() + 60_000)
    }
    const said = deps.logged.filter(({ message }) => message === 'no replica can be elected')
    expect(said).toHaveLength(1)
    troubles.set(nodes[2] ?? 0, undefined)
    await tick(deps)
    expect((await storedHead(deps, topicId)).leader).toBe(`${nodes[2]}.1`)
  })
})

test('a walk of one topic with many partitions renews the lease', async () => {
  const deps = await testDeps()
  await createTopic(deps, TOPIC, { partitions: 60 })
  const troubles = nodeTroubles(deps)
  troubles.set(0, 'fails')
  // Every write of a head takes as long as a slow store does.
  deps.documents.faults.always((call) =>
    isHeadUpdate(call)
      ? { fault: 'before', run: async () => deps.clock.set(deps.clock.nowMs() + 200) }
      : undefined,
  )
  await control(deps)
  expect(stops(deps)).toEqual([])
  const renewals = deps.documents.faults.calls.filter((call) => isLease(call) && call.method === 'update')
  expect(renewals.length).toBeGreaterThan(8)
})

test('replicas of a wiped leader are replaced between fence and election', async () => {
  const { deps, topicId, partition, nodes } = await log()
  const head = await storedHead(deps, topicId)
  await deps.wipe(nodes[0] ?? 0)
  const fenced = await updateHead(deps, partition, fence(head, deps.clock.nowMs()))
  expect(fenced.applied).toBe(true)
  // Somebody else was as far as this.
  const stored = await storedHead(deps, topicId)
  await updateHead(deps, partition, replaceReplica(stored, `${nodes[0]}.1`, `${nodes[0]}.2`, 1))
  await control(deps)
  await runTriggered(deps)
  expect(await storedHead(deps, topicId)).toMatchObject({
    leader: `${nodes[1]}.1`,
    logEndOffset: 2,
    holeStart: {},
  })
  expect((await nodeNow(deps, nodes[0] ?? 0)).incarnation).toBe(2)
})
