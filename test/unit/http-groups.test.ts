import { expect, test } from 'vitest'
import { testService } from '../support/http-service.ts'

test('a group over HTTP: the client is named by its header, and everything fails inside a 200', async () => {
  const { send, close } = await testService()
  const post = async (api: string, body: object, headers = {}) => {
    const answer = await send({ path: `/v1/${api}`, body, headers })
    expect(answer.status).toBe(200)
    return answer.json as Record<string, unknown>
  }
  const join = { groupId: 'g', protocolType: 'consumer', protocols: [{ name: 'range', metadata: '' }] }
  const named = { 'x-client-id': 'till-4' }
  const first = await post('join-group', join, named)
  expect(first).toMatchObject({
    errorName: 'MEMBER_ID_REQUIRED',
    memberId: expect.stringMatching(/^till-4-/),
  })
  expect(await post('join-group', join)).toMatchObject({ memberId: expect.stringMatching(/^consumer-/) })
  const { memberId } = first
  const joined = await post('join-group', { ...join, memberId }, named)
  expect(joined).toMatchObject({ errorCode: 0, generationId: 1, leader: memberId })
  const member = { groupId: 'g', generationId: 1, memberId }
  const assignments = [{ memberId, assignment: 'cDA=' }]
  expect(await post('sync-group', { ...member, assignments })).toMatchObject({ assignment: 'cDA=' })
  expect(await post('heartbeat', member)).toEqual({ errorCode: 0 })
  expect(await post('heartbeat', { ...member, generationId: 2 })).toMatchObject({ errorCode: 22 })
  expect(await post('leave-group', { groupId: 'g', members: [{ memberId }] })).toMatchObject({ errorCode: 0 })
  expect(await post('describe-cluster', {})).toMatchObject({ features: ['groups'] })
  await close()
})

test.each([
  { api: 'join-group', body: { groupId: 'g', protocolType: 'consumer', protocols: [] }, field: 'protocols' },
  { api: 'sync-group', body: { groupId: 'g', generationId: 1 }, field: 'memberId' },
  { api: 'heartbeat', body: { groupId: 'g', generationId: -2, memberId: '' }, field: 'generationId' },
  { api: 'leave-group', body: { groupId: 'g', members: [] }, field: 'members' },
  { api: 'list-groups', body: { nextToken: '\ud800' }, field: 'nextToken' },
  {
    api: 'join-group',
    body: {
      groupId: 'g',
      protocolType: 'consumer',
      protocols: ['a', 'b', 'c'].map((name) => ({ name, metadata: 'A'.repeat(64 * 1024) })),
    },
    field: 'protocols',
  },
  {
    api: 'offset-commit',
    body: {
      groupId: 'g',
      topics: [
        { name: 't', partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '\ud800' }] },
      ],
    },
    field: 'committedMetadata',
  },
])('$api: a malformed request is refused, naming the field', async ({ api, body, field }) => {
  const { send, close } = await testService()
  const answer = await send({ path: `/v1/${api}`, body })
  expect(answer.status).toBe(400)
  expect(answer.json).toMatchObject({
    kafka_error: 'INVALID_REQUEST',
    message: expect.stringContaining(field),
  })
  await close()
})
