import { describe, expect, test } from 'vitest'
import { offsetCommitRequest } from '../../shared/protocol/api/group-offsets.ts'
import { offsetCommit } from '../../shared/service/offset-commit.ts'
import { decodeGroupOffsets } from '../../shared/store/items/group-offsets-item.ts'
import { memberKey, offsetsKey } from '../../shared/store/keys.ts'
import type { DocumentCall, DocumentFault } from '../support/faulty-store.ts'
import { createTopic, TOPIC } from '../support/log-requests.ts'
import { storedGroup, twoMembers } from '../support/two-members.ts'
import {
  type Actor,
  base64,
  beat,
  GROUP,
  join,
  joins,
  leave,
  newActor,
  sync,
  syncs,
} from '../transcripts/group-actor.ts'

const isMetaPut = ({ method, sk }: DocumentCall) => method === 'put' && sk === 'META'
const isReplacement = ({ method, sk }: DocumentCall) => method === 'transact' && sk.startsWith('META,MEMBER#')

const LOST: readonly { readonly name: string; readonly fault: DocumentFault }[] = [
  { name: 'is lost', fault: { fault: 'callLost' } },
  { name: 'is refused with nothing written', fault: { fault: 'throttled' } },
  { name: 'is stored, and its answer lost', fault: { fault: 'answerLost' } },
]

describe.each(LOST)('a member that subscribes to something else', ({ name, fault }) => {
  test(`has all join again where the group ${name}`, async () => {
    const { deps, a, b } = await twoMembers()
    deps.documents.faults.once(isMetaPut, fault)
    expect(await join(deps, b, { metadata: 'more' })).toMatchObject({ errorName: 'REBALANCE_IN_PROGRESS' })
    expect(await beat(deps, a)).toMatchObject({ errorName: 'REBALANCE_IN_PROGRESS' })
    const [ofLeader] = await Promise.all([joins(deps, a), joins(deps, b, { metadata: 'more' })])
    expect(ofLeader).toMatchObject({ generationId: 3 })
  })
})

test('a member that subscribes to something else and dies before the group is told has all join again when it is back', async () => {
  const { deps, a, b } = await twoMembers()
  deps.documents.faults.always((call) => (isMetaPut(call) ? { fault: 'callLost' } : undefined))
  await join(deps, b, { metadata: 'more' })
  deps.documents.faults.always(undefined)
  expect((await storedGroup(deps))?.state).toBe('Stable')
  await join(deps, b, { metadata: 'more' })
  expect(await beat(deps, a)).toMatchObject({ errorName: 'REBALANCE_IN_PROGRESS' })
})

describe('a static member that comes back', () => {
  test('is not told so before its former self is fenced, where the answer of its replacement is lost', async () => {
    const { deps, b } = await twoMembers({ instance: 'i1' })
    const topicId = await createTopic(deps, TOPIC)
    const commit = async ({ memberId, generationId }: Actor, committedOffset: number) => {
      const topics = [{ name: TOPIC, partitions: [{ partitionIndex: 0, committedOffset }] }]
      const request = { groupId: GROUP, generationId, memberId, groupInstanceId: 'i1', topics }
      return (await offsetCommit(deps, offsetCommitRequest.parse(request))).topics[0]?.partitions[0]
    }
    expect(await commit(b, 7)).toMatchObject({ errorCode: 0 })
    const back = newActor('back')
    deps.documents.faults.once(isReplacement, { fault: 'answerLost' })
    expect(await join(deps, back, { instance: 'i1' })).toMatchObject({ errorCode: 0, generationId: 2 })
    const item = await deps.documents.store.get(offsetsKey(GROUP, topicId, 0), 'strong')
    expect(decodeGroupOffsets(item ?? {}).document.fence.instances).toEqual({ i1: back.memberId })
    expect(await commit(b, 8)).toMatchObject({ errorName: 'FENCED_INSTANCE_ID' })
    expect(await sync(deps, back, { instance: 'i1' })).toMatchObject({ errorCode: 0 })
  })
})

test('a static member that comes back once its former document is gone is assigned something anew', async () => {
  const { deps, a, b } = await twoMembers({ instance: 'i1' })
  await deps.documents.store.delete(memberKey(GROUP, b.memberId), [])
  const back = newActor('back')
  expect(await join(deps, back, { instance: 'i1' })).toMatchObject({ errorName: 'REBALANCE_IN_PROGRESS' })
  await Promise.all([joins(deps, a), joins(deps, back, { instance: 'i1' })])
  const assignments = { [a.memberId]: 'x', [back.memberId]: 'z' }
  const [, ofBack] = await Promise.all([
    syncs(deps, a, { assignments }),
    syncs(deps, back, { instance: 'i1' }),
  ])
  expect(ofBack).toMatchObject({ errorCode: 0, assignment: base64('z') })
})

describe('an operator that removes a static member by its name', () => {
  test('is told so where the answer of the group is lost', async () => {
    const { deps } = await twoMembers({ instance: 'i1' })
    deps.documents.faults.once(isMetaPut, { fault: 'answerLost' })
    const { members } = await leave(deps, [{ groupInstanceId: 'i1' }])
    expect(members).toMatchObject([{ errorCode: 0 }])
  })
})
