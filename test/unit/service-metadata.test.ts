import { describe, expect, test } from 'vitest'
import { metadataRequest } from '../../shared/protocol/api/metadata.ts'
import { metadata } from '../../shared/service/metadata.ts'
import { encodeTopic } from '../../shared/store/items/topic-item.ts'
import { topicKey } from '../../shared/store/keys.ts'
import { createTopic } from '../support/log-requests.ts'
import { type TestDeps, testDeps } from '../support/test-deps.ts'

const ask = (deps: TestDeps, request: unknown) => metadata(deps, metadataRequest.parse(request))

/** Topics 00, 01 … as far as their documents: describing them finds no heads. */
async function largeTopics(count: number, partitionCount: number): Promise<TestDeps> {
  const deps = await testDeps()
  for (let at = 0; at < count; at += 1) {
    const name = String(at).padStart(2, '0')
    const topicId = `AAAAAAAAAAAAAAAAAAAA${name}`
    const topic = { name, topicId, partitionCount, replicationFactor: 3, startIndex: 0, configs: {} }
    await deps.documents.store.put(topicKey(name), encodeTopic(topic), 'absent')
  }
  return deps
}
const names = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ name: String(at).padStart(2, '0') }))

describe('one answer describes at most 10,000 partitions', () => {
  test('a page ends before the topic that would be too much, and the token goes on with it', async () => {
    const deps = await largeTopics(12, 1000)
    const first = await ask(deps, {})
    expect(first.topics.map(({ name }) => name)).toEqual(names(10).map(({ name }) => name))
    expect(first.nextToken).toBe('09')
    const second = await ask(deps, { nextToken: first.nextToken })
    expect(second.topics.map(({ name }) => name)).toEqual(['10', '11'])
    expect(second.nextToken).toBeNull()
  })

  test('a page that is exactly full is not cut', async () => {
    const deps = await largeTopics(10, 1000)
    expect(await ask(deps, {})).toMatchObject({ topics: names(10), nextToken: null })
  })

  test('named topics that are more are refused as a whole: none seems to be gone', async () => {
    const deps = await largeTopics(11, 1000)
    await expect(ask(deps, { topics: names(11) })).rejects.toMatchObject({
      errorName: 'INVALID_REQUEST',
      message: 'topics have too many partitions for one answer partitions=11000 max=10000',
    })
    expect((await ask(deps, { topics: names(10) })).topics).toHaveLength(10)
  })
})

test('ids are looked up in one walk over the topics, whatever their number', async () => {
  const deps = await testDeps()
  const ids = [await createTopic(deps, 'a'), await createTopic(deps, 'b'), 'AAAAAAAAAAAAAAAAAAAAAA']
  deps.documents.faults.calls.length = 0
  const { topics } = await ask(deps, { topics: ids.map((topicId) => ({ topicId })) })
  expect(topics).toMatchObject([
    { errorCode: 0, name: 'a', topicId: ids[0] },
    { errorCode: 0, name: 'b', topicId: ids[1] },
    { errorName: 'UNKNOWN_TOPIC_ID', topicId: ids[2], partitions: [] },
  ])
  expect(
    deps.documents.faults.calls.filter(({ method, pk }) => method === 'list' && pk === 'TOPICS'),
  ).toHaveLength(1)
})
