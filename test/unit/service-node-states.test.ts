import { describe, expect, test } from 'vitest'
import { endHoldDown } from '../../shared/core/storage-node.ts'
import { controllerTick, runController } from '../../shared/service/controller.ts'
import { reportFailure } from '../../shared/service/report-node.ts'
import { nodeKey } from '../../shared/store/keys.ts'
import { isHeadUpdate } from '../support/calls.ts'
import type { DocumentCall } from '../support/faulty-store.ts'
import { batchOf, createTopic, produceOne } from '../support/log-requests.ts'
import { asTimePasses, nodeNow, nodeTroubles, runTriggered } from '../support/node-troubles.ts'
import { storedHead } from '../support/partition-invariants.ts'
import { otherEnvironment, START_MS, type TestDeps, testDeps } from '../support/test-deps.ts'

const MINUTE = 60_000
const control = (deps: TestDeps) => asTimePasses(deps, runController(deps))
const isNodeUpdate =
  (nodeId: number) =>
  ({ method, sk }: DocumentCall): boolean =>
    method === 'update' && sk === nodeKey(nodeId).sk
const messages = (deps: TestDeps) => deps.logged.map(({ message }) => message)
const incarnationOf = async (deps: TestDeps, nodeId: number) => {
  const bytes = await deps.nodes
    .get(nodeId)
    ?.store.get('incarnation', undefined, new AbortController().signal)
  return new TextDecoder().decode(bytes)
}

async function cluster(topics = 1) {
  const deps = await testDeps({ configs: { 'min.insync.replicas': '2' } })
  const topicIds: string[] = []
  for (let count = 0; count < topics; count += 1) {
    topicIds.push(await createTopic(deps, `t${String(count).padStart(3, '0')}`))
  }
  return { deps, topicIds, topicId: topicIds[0] ?? '', troubles: nodeTroubles(deps) }
}

describe('a storage node that cannot be reached', () => {
  test.each(['fails', 'hangs'] as const)('one that %s is DOWN, and UP once it answers', async (trouble) => {
    const { deps, topicId, troubles } = await cluster()
    const { leader = '' } = await storedHead(deps, topicId)
    const nodeId = Number(leader[0])
    troubles.set(nodeId, trouble)
    await control(deps)
    const down = await nodeNow(deps, nodeId)
    expect(down).toMatchObject({ state: 'DOWN', holdDownMs: 10_000, walkedTo: undefined })
    const head = await storedHead(deps, topicId)
    expect(head.isr).not.toContain(leader)
    expect(head.leader).toBe(head.isr[0])
    troubles.set(nodeId, undefined)
    await control(deps)
    expect(await nodeNow(deps, nodeId)).toMatchObject({ state: 'UP', walkedTo: undefined })
    expect((await storedHead(deps, topicId)).joining).toEqual([])
    deps.clock.set(down.holdDownUntilMs + MINUTE)
    await asTimePasses(deps, controllerTick(deps))
    await runTriggered(deps)
    expect((await storedHead(deps, topicId)).isr).toContain(leader)
  })

  test('is logged once, however often it is looked at', async () => {
    const { deps, troubles } = await cluster()
    troubles.set(1, 'fails')
    await control(deps)
    for (let minute = 0; minute < 5; minute += 1) {
      deps.clock.set(deps.clock.nowMs() + MINUTE)
      await asTimePasses(deps, controllerTick(deps))
    }
    expect(messages(deps)).toEqual(['storage node is down'])
  })

  test('one that can be read but not written comes not up', async () => {
    const { deps, troubles } = await cluster()
    troubles.set(1, 'fails')
    await control(deps)
    troubles.set(1, undefined)
    deps.nodes.get(1)?.faults.always(({ method }) => (method === 'put' ? { fault: 'fails' } : undefined))
    await control(deps)
    expect((await nodeNow(deps, 1)).state).toBe('DOWN')
  })

  test.each(['fails', 'hangs'] as const)(
    'an empty bucket that %s when it is given its name is out of reach, and keeps nobody from being elected',
    async (fault) => {
      const { deps, topicId, troubles } = await cluster()
      const { replicas } = await storedHead(deps, topicId)
      const [leading = 0, other = 0] = replicas.map((replica) => Number(replica[0]))
      await deps.wipe(other)
      deps.nodes.get(other)?.faults.always(({ method }) => (method === 'putIfAbsent' ? { fault } : undefined))
      deps.nodes.get(leading)?.faults.always(() => ({ fault: 'fails' }))
      await control(deps)
      expect((await nodeNow(deps, other)).state).toBe('DOWN')
      expect((await storedHead(deps, topicId)).leader).toBe(replicas[2])
      troubles.set(other, undefined)
    },
  )
})

describe('the hold-down', () => {
  async function flap({ deps, troubles }: Awaited<ReturnType<typeof cluster>>, times: number) {
    for (let time = 0; time < times; time += 1) {
      troubles.set(1, 'fails')
      await control(deps)
      troubles.set(1, undefined)
      await control(deps)
    }
    return nodeNow(deps, 1)
  }

  test('doubles with each failure, and no more than once however often a node that is DOWN is looked at', async () => {
    const made = await cluster()
    expect((await flap(made, 1)).holdDownMs).toBe(10_000)
    expect((await flap(made, 1)).holdDownMs).toBe(20_000)
    made.troubles.set(1, 'fails')
    for (let looks = 0; looks < 3; looks += 1) await control(made.deps)
    expect((await nodeNow(made.deps, 1)).holdDownMs).toBe(40_000)
    made.troubles.set(1, undefined)
    expect((await flap(made, 8)).holdDownMs).toBe(600_000)
    made.deps.clock.set(made.deps.clock.nowMs() + 20 * MINUTE)
    expect((await flap(made, 1)).holdDownMs).toBe(300_000)
  })

  test('ends by an operator’s word: the replicas join at the next look, not when the hold-down would have ended', async () => {
    const made = await cluster()
    const { deps, topicId } = made
    await flap(made, 6)
    expect((await storedHead(deps, topicId)).isr).toHaveLength(2)
    await deps.documents.update(nodeKey(1), endHoldDown())
    await control(deps)
    await runTriggered(deps)
    expect((await storedHead(deps, topicId)).isr).toHaveLength(3)
  })

  test('does not count where too few are in sync', async () => {
    const made = await cluster()
    const { deps, topicId, troubles } = made
    await flap(made, 6)
    const { isr } = await storedHead(deps, topicId)
    troubles.set(Number(isr[0]?.[0]), 'fails')
    await control(deps)
    await runTriggered(deps)
    const head = await storedHead(deps, topicId)
    expect(head.isr).toHaveLength(2)
    expect(head.isr.map((replica) => replica[0])).toContain('1')
  })
})

describe('a storage node with another bucket', () => {
  test.each(['missing', 'corrupt'] as const)(
    'one read of its name that comes back %s is not believed: it is read again',
    async (fault) => {
      const deps = await testDeps()
      await createTopic(deps)
      const before = await nodeNow(deps, 1)
      const isName = ({ key }: { key: string }) => key === 'incarnation'
      deps.nodes.get(1)?.faults.once(isName, { fault })
      await runController(deps)
      expect(await nodeNow(deps, 1)).toMatchObject({
        state: 'UP',
        incarnation: 1,
        nodeEpoch: before.nodeEpoch,
      })
    },
  )

  test('an empty one is given a name, once, by whoever holds the lease', async () => {
    const { deps, topicId } = await cluster()
    const before = await nodeNow(deps, 1)
    await deps.wipe(1)
    await asTimePasses(deps, Promise.all([runController(deps), runController(otherEnvironment(deps))]))
    await runTriggered(deps)
    const after = await nodeNow(deps, 1)
    expect(after).toMatchObject({ state: 'UP', incarnation: 2, walkedTo: undefined })
    expect(after.incarnationId).not.toBe(before.incarnationId)
    expect(after.incarnationId).toBe(await incarnationOf(deps, 1))
    const puts = deps.nodes.get(1)?.faults.calls.filter(({ method }) => method === 'putIfAbsent')
    expect(puts).toHaveLength(1)
    const head = await storedHead(deps, topicId)
    expect(head.replicas.toSorted()).toEqual(['0.1', '1.2', '2.1'])
    expect(head.isr).toHaveLength(3)
  })

  test('a tick notices it by itself where anything was appended, and not where nothing was', async () => {
    const { deps } = await cluster()
    deps.clock.set(deps.clock.nowMs() + deps.limits.newHeadDueMs)
    await control(deps)
    await deps.wipe(1)
    await asTimePasses(deps, controllerTick(deps))
    expect((await nodeNow(deps, 1)).incarnation).toBe(1)
    // The node that lacks its name still takes what it is given.
    await asTimePasses(deps, produceOne(deps, batchOf(1), { topic: 't000' }))
    await asTimePasses(deps, controllerTick(deps))
    expect((await nodeNow(deps, 1)).incarnation).toBe(2)
  })

  test('one that was named before its document was written is known by that name', async () => {
    const { deps } = await cluster()
    await deps.wipe(1)
    let writes = 0
    deps.documents.faults.once((call) => isNodeUpdate(1)(call) && ++writes === 2, { fault: 'callLost' })
    await control(deps)
    expect((await nodeNow(deps, 1)).incarnation).toBe(1)
    const name = await incarnationOf(deps, 1)
    deps.clock.set(deps.clock.nowMs() + MINUTE)
    await control(deps)
    expect(await nodeNow(deps, 1)).toMatchObject({ incarnation: 2, incarnationId: name, state: 'UP' })
  })
})

describe('reports', () => {
  test('one is answered by a write to the node, and stays for 30 s', async () => {
    const { deps } = await cluster()
    await reportFailure(deps, 1, 'it fails')
    await runTriggered(deps)
    expect(deps.nodes.get(1)?.faults.calls).toContainEqual({ method: 'put', nodeId: 1, key: 'canary' })
    expect(await nodeNow(deps, 1)).toMatchObject({ state: 'UP', reports: { [deps.environmentId]: START_MS } })
    deps.clock.set(START_MS + 30_001)
    await asTimePasses(deps, controllerTick(deps))
    expect(await nodeNow(deps, 1)).toMatchObject({ state: 'UP', reports: {} })
  })

  test('three environments within 30 s outweigh the probes that each of them woke', async () => {
    const { deps, topicId } = await cluster()
    for (let reporter = 0; reporter < 3; reporter += 1) {
      expect((await storedHead(deps, topicId)).isr).toHaveLength(3)
      await reportFailure(otherEnvironment(deps), 1, 'it fails')
      await runTriggered(deps)
      deps.clock.set(deps.clock.nowMs() + 5000)
    }
    expect(messages(deps)).toContain('storage node is down')
    expect((await nodeNow(deps, 1)).holdDownMs).toBe(10_000)
    expect((await storedHead(deps, topicId)).isr).toHaveLength(2)
  })

  test('three within a longer time do not', async () => {
    const { deps, topicId } = await cluster()
    for (let reporter = 0; reporter < 3; reporter += 1) {
      await reportFailure(otherEnvironment(deps), 1, 'it fails')
      await runTriggered(deps)
      deps.clock.set(deps.clock.nowMs() + 16_000)
    }
    expect((await storedHead(deps, topicId)).isr).toHaveLength(3)
  })
})

describe('F4: a write to a node that is carried out twice', () => {
  test('is not taken for another controller', async () => {
    const { deps, topicId, troubles } = await cluster()
    deps.documents.faults.always((call) => (isNodeUpdate(1)(call) ? { fault: 'twice' } : undefined))
    troubles.set(1, 'fails')
    await control(deps)
    expect(await nodeNow(deps, 1)).toMatchObject({ state: 'DOWN', nodeEpoch: 1, walkedTo: undefined })
    expect((await storedHead(deps, topicId)).isr).toHaveLength(2)
    troubles.set(1, undefined)
    await control(deps)
    expect(await nodeNow(deps, 1)).toMatchObject({ state: 'UP', nodeEpoch: 2 })
    expect(messages(deps)).not.toContain('controller stopped')
  })
})

describe('a walk over many topics', () => {
  test('that was interrupted goes on where it got to', async () => {
    const { deps, topicIds, troubles } = await cluster(50)
    troubles.set(1, 'fails')
    let updates = 0
    // Killed at the 46th topic: nothing of it is heard again.
    deps.documents.faults.always((call) => {
      if (isHeadUpdate(call)) updates += 1
      return updates > 90 ? { fault: 'throttled' } : undefined
    })
    await control(deps)
    const { walkedTo } = await nodeNow(deps, 1)
    expect(walkedTo).toMatch(/^t0[123]9$/)
    const at = Number(walkedTo?.slice(1))
    deps.documents.faults.always(undefined)
    deps.documents.faults.calls.length = 0
    deps.clock.set(deps.clock.nowMs() + 10_000)
    await asTimePasses(deps, controllerTick(otherEnvironment(deps)))
    expect(await nodeNow(deps, 1)).toMatchObject({ state: 'DOWN', walkedTo: undefined })
    for (const topicId of topicIds) expect((await storedHead(deps, topicId)).isr).toHaveLength(2)
    const visited = deps.documents.faults.calls.filter(({ method, sk }) => method === 'get' && sk === 'HEAD')
    expect(visited.length).toBeLessThan(2 * (50 - at))
  })

  test('a partition that cannot be told keeps no other one from it, and is told with the next walk', async () => {
    const { deps, topicIds, troubles } = await cluster(50)
    const [, , bad = ''] = topicIds
    troubles.set(1, 'fails')
    deps.documents.faults.always(({ pk }) => (pk.includes(bad) ? { fault: 'throttled' } : undefined))
    await control(deps)
    for (const topicId of topicIds) {
      expect((await storedHead(deps, topicId)).isr).toHaveLength(topicId === bad ? 3 : 2)
    }
    expect(await nodeNow(deps, 1)).toMatchObject({ state: 'DOWN', walkedTo: '' })
    deps.documents.faults.always(undefined)
    await asTimePasses(deps, controllerTick(deps))
    expect((await storedHead(deps, bad)).isr).toHaveLength(2)
    expect((await nodeNow(deps, 1)).walkedTo).toBeUndefined()
  })
})
