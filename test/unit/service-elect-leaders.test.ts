import { describe, expect, test } from 'vitest'
import { fence, moveLeader } from '../../shared/core/election.ts'
import { changeIsr } from '../../shared/core/isr-commands.ts'
import { nodeWentDown } from '../../shared/core/storage-node.ts'
import { set } from '../../shared/core/update-plan.ts'
import { electLeadersRequest } from '../../shared/protocol/api/elect-leaders.ts'
import { metadataRequest } from '../../shared/protocol/api/metadata.ts'
import { catchUp } from '../../shared/service/catch-up.ts'
import { runController } from '../../shared/service/controller.ts'
import { electLeaders } from '../../shared/service/elect-leaders.ts'
import { updateHead } from '../../shared/service/heads.ts'
import { metadata } from '../../shared/service/metadata.ts'
import { readTopic } from '../../shared/service/topics.ts'
import { CONTROLLER } from '../../shared/store/keys.ts'
import { isHeadUpdate, runAfter, runBefore } from '../support/calls.ts'
import { changeNode } from '../support/change-node.ts'
import { batchOf, createTopic, produceOne, TOPIC } from '../support/log-requests.ts'
import { storedHead } from '../support/partition-invariants.ts'
import { otherEnvironment, START_MS, type TestDeps, testDeps } from '../support/test-deps.ts'

const HOLD_DOWN_MS = 10_000
const PREFERRED = 0
const UNCLEAN = 1

async function elect(deps: TestDeps, electionType: 0 | 1, all = false) {
  const topics = all ? null : [{ name: TOPIC, partitions: [{ partitionIndex: 0 }] }]
  return (await electLeaders(deps, electLeadersRequest.parse({ electionType, topics }))).topics
}
const row = async (deps: TestDeps, electionType: 0 | 1) => (await elect(deps, electionType))[0]?.partitions[0]

const partitionOf = async (deps: TestDeps) => ({ topic: await readTopic(deps, TOPIC), partitionIndex: 0 })

/** Node by node: calls fail until it is told otherwise. */
const fail = (deps: TestDeps, nodeIds: readonly number[]) => {
  for (const [nodeId, node] of deps.nodes) {
    node.faults.always(nodeIds.includes(nodeId) ? () => ({ fault: 'fails' }) : undefined)
  }
}

/** A topic whose leader is not the replica that was assigned first. */
async function movedTopic() {
  const deps = await testDeps()
  const topicId = await createTopic(deps)
  await produceOne(deps, batchOf(3))
  const head = await storedHead(deps, topicId)
  await updateHead(deps, await partitionOf(deps), fence(head, START_MS))
  const [first] = head.replicas
  fail(deps, [Number(first?.[0])])
  expect(await row(deps, UNCLEAN)).toMatchObject({ errorCode: 0 })
  fail(deps, [])
  return { deps, topicId, preferred: first ?? '' }
}

describe('a preferred election', () => {
  test('moves the leader once it lacks nothing, without truncating, in an epoch of its own', async () => {
    const { deps, topicId, preferred } = await movedTopic()
    // Its node is up again: it joins, and is given what it lacks.
    await runController(deps)
    expect(await row(deps, PREFERRED)).toMatchObject({ errorName: 'PREFERRED_LEADER_NOT_AVAILABLE' })
    deps.clock.set(START_MS + HOLD_DOWN_MS)
    await runController(deps)
    await catchUp(deps, { task: 'catchUp', topicName: TOPIC, topicId, partitionIndex: 0 })
    const { leaderEpoch, logEndOffset } = await storedHead(deps, topicId)
    expect(await row(deps, PREFERRED)).toMatchObject({
      errorCode: 0,
      leaderId: Number(preferred[0]),
      leaderEpoch: leaderEpoch + 1,
    })
    expect(await storedHead(deps, topicId)).toMatchObject({ leader: preferred, logEndOffset })
  })

  test('is not needed where the preferred replica leads, and then leaves no row when all were asked for', async () => {
    const deps = await testDeps()
    await createTopic(deps)
    expect(await row(deps, PREFERRED)).toMatchObject({ errorName: 'ELECTION_NOT_NEEDED', effect: 'none' })
    expect(await elect(deps, PREFERRED, true)).toEqual([])
  })

  test('that is carried out twice is one', async () => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    const { replicas, leader } = await storedHead(deps, topicId)
    const other = replicas.find((replica) => replica !== leader) ?? ''
    const key = await partitionOf(deps)
    await updateHead(deps, key, moveLeader(await storedHead(deps, topicId), other))
    deps.documents.faults.once(isHeadUpdate, { fault: 'twice' })
    expect(await row(deps, PREFERRED)).toMatchObject({ errorCode: 0, leaderEpoch: 2 })
    expect((await storedHead(deps, topicId)).lineage).toEqual({ 0: 0, 1: 0, 2: 0 })
  })

  test('goes on from the head that refused it', async () => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    const { replicas, leader } = await storedHead(deps, topicId)
    const key = await partitionOf(deps)
    const other = replicas.find((replica) => replica !== leader) ?? ''
    await updateHead(deps, key, moveLeader(await storedHead(deps, topicId), other))
    const third = replicas.find((replica) => replica !== leader && replica !== other) ?? ''
    const shrink = async () => {
      const head = await storedHead(deps, topicId)
      await updateHead(otherEnvironment(deps), key, changeIsr(head, [third], START_MS))
    }
    deps.documents.faults.once(isHeadUpdate, runBefore(shrink))
    expect(await row(deps, PREFERRED)).toMatchObject({ errorCode: 0, leaderId: Number(leader?.[0]) })
    expect((await storedHead(deps, topicId)).isr).not.toContain(third)
  })

  test('does not go to a replica that lacks something, nor to one whose node is down', async () => {
    const { deps, topicId, preferred } = await movedTopic()
    await changeNode(deps, Number(preferred[0]), (node) => nodeWentDown(node, 99, START_MS))
    const before = await storedHead(deps, topicId)
    expect(await row(deps, PREFERRED)).toMatchObject({ errorName: 'PREFERRED_LEADER_NOT_AVAILABLE' })
    expect(await storedHead(deps, topicId)).toEqual(before)
  })
})

describe('an unclean election', () => {
  /** Two nodes are gone, one after the other: the log's last records are on the third alone, which fails too. */
  async function lastStanding() {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    await produceOne(deps, batchOf(4))
    const [first = '', second = '', third = ''] = (await storedHead(deps, topicId)).replicas
    const node = (replica: string) => Number(replica[0])
    fail(deps, [node(second), node(third)])
    await runController(deps)
    expect((await storedHead(deps, topicId)).isr).toEqual([first])
    expect(await produceOne(deps, batchOf(2), { acks: 1 })).toMatchObject({ baseOffset: 4 })
    return { deps, topicId, first: node(first), second: node(second), third: node(third) }
  }

  test('finds nobody where no node is up, and leaves the partition as it was', async () => {
    const { deps, topicId, first, second, third } = await lastStanding()
    const before = await storedHead(deps, topicId)
    fail(deps, [first, second, third])
    expect(await row(deps, UNCLEAN)).toMatchObject({
      errorName: 'ELIGIBLE_LEADERS_NOT_AVAILABLE',
      effect: 'none',
    })
    expect(await storedHead(deps, topicId)).toEqual(before)
  })

  test('is not needed where a live node leads, and does nothing else there', async () => {
    const { deps, topicId } = await lastStanding()
    const before = await storedHead(deps, topicId)
    fail(deps, [])
    deps.clock.set(START_MS + HOLD_DOWN_MS)
    expect(await row(deps, UNCLEAN)).toMatchObject({ errorName: 'ELECTION_NOT_NEEDED', effect: 'none' })
    expect(await storedHead(deps, topicId)).toEqual(before)
  })

  test('whose last candidate goes down after the fence may have taken effect', async () => {
    const { deps, topicId, first, second, third } = await lastStanding()
    const { leaderEpoch } = await storedHead(deps, topicId)
    fail(deps, [first])
    deps.documents.faults.once(
      isHeadUpdate,
      runAfter(async () => fail(deps, [first, second, third])),
    )
    expect(await row(deps, UNCLEAN)).toMatchObject({ errorName: 'REQUEST_TIMED_OUT', effect: 'unknown' })
    const head = await storedHead(deps, topicId)
    expect(head.leader).toBeUndefined()
    expect(head.leaderEpoch).toBe(leaderEpoch + 1)
  })

  test('truncates what the winner lacks, which metadata tells', async () => {
    const { deps, topicId, first, second } = await lastStanding()
    fail(deps, [first])
    expect(await row(deps, UNCLEAN)).toMatchObject({ errorCode: 0, leaderId: second })
    const head = await storedHead(deps, topicId)
    expect(head).toMatchObject({ logEndOffset: 4, highWatermark: 4 })
    const described = await metadata(
      deps,
      metadataRequest.parse({ topics: [{ name: TOPIC }], includeOffsets: true }),
    )
    expect(described.topics[0]?.partitions[0]?.truncations).toMatchObject([
      { leaderEpoch: head.leaderEpoch, fromOffset: 4, toOffset: 6, committedTo: 4 },
    ])
  })

  test.each([
    {
      name: 'at the fence is refused',
      failing: 1,
      row: { errorName: 'KAFKA_STORAGE_ERROR', effect: 'none' },
    },
    {
      name: 'after the fence may have taken effect',
      failing: 2,
      row: { errorName: 'REQUEST_TIMED_OUT', effect: 'unknown' },
    },
  ])('that fails $name', async ({ failing, row: expected }) => {
    const { deps, topicId, first } = await lastStanding()
    const { leaderEpoch } = await storedHead(deps, topicId)
    fail(deps, [first])
    let updates = 0
    deps.documents.faults.always((call) => {
      if (isHeadUpdate(call)) updates += 1
      return isHeadUpdate(call) && updates === failing ? { fault: 'throttled' } : undefined
    })
    expect(await row(deps, UNCLEAN)).toMatchObject(expected)
    expect((await storedHead(deps, topicId)).leaderEpoch).toBe(leaderEpoch + failing - 1)
  })

  test('is refused while another controller is at work', async () => {
    const deps = await testDeps()
    await createTopic(deps)
    await elect(deps, UNCLEAN)
    const expiresAtMs = START_MS + 3_600_000
    await deps.documents.store.update(CONTROLLER, {
      checks: [],
      changes: [set(['expiresAtMs'], expiresAtMs)],
    })
    await expect(elect(deps, UNCLEAN)).rejects.toMatchObject({ errorName: 'NOT_CONTROLLER', effect: 'none' })
  })
})
