import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RequestCounts, total } from '../../bench/request-counts.ts'
import {
  countFetch,
  countProduce,
  type ProduceWorkload,
  type Setting,
} from '../../bench/request-workloads.ts'
import { type Emulators, startEmulators } from '../../local/emulators.ts'
import { canRun } from '../support/requires.ts'

/** Of all producers together, the first batch of each left out; a multiple of a page. */
const APPENDS = 64
const APPENDS_PER_PAGE = 8

if (canRun('requests to DynamoDB and S3', ['java', 'python3'])) {
  let emulators: Emulators
  let setting: Setting

  beforeAll(async () => {
    emulators = await startEmulators({ nodes: 3 })
    setting = { emulators, latencyMs: 5, batchBytes: 2000 }
  })
  afterAll(() => emulators?.stop())

  describe('an append of three replicas, by handlers that have appended before', () => {
    const one = { producers: 1, acks: -1, isIdempotent: true } as const
    test.each<{ name: string; when: Omit<ProduceWorkload, 'topic' | 'appends'> }>([
      { name: 'one idempotent producer', when: one },
      { name: 'one producer without sequences', when: { ...one, isIdempotent: false } },
      { name: 'one producer with acks=1', when: { ...one, acks: 1 } },
      { name: 'four idempotent producers, each by a handler of its own', when: { ...one, producers: 4 } },
      { name: 'eight idempotent producers, each by a handler of its own', when: { ...one, producers: 8 } },
    ])('is 3 PUTs and 1 update, and a page put and a trim per 8: $name', async ({ name, when }) => {
      const workload = { ...when, topic: name.replaceAll(/[^a-z0-9]/g, '-'), appends: APPENDS }
      const { warm, cold } = await countProduce(setting, workload)
      const pages = Math.floor((APPENDS + when.producers) / APPENDS_PER_PAGE)
      const pagesBefore = cold.calls['PutItem page'] ?? 0
      expect(warm.requests).toBe(APPENDS)
      expect(withoutTopic(warm)).toEqual({
        'PUT wal': 3 * APPENDS,
        'UpdateItem append': APPENDS,
        'PutItem page': pages - pagesBefore,
        'UpdateItem trim': pages - pagesBefore,
      })
      expect(warm.refused).not.toHaveProperty('UpdateItem append')
      expect(cold.indexWriteUnits + warm.indexWriteUnits).toBe(1)
      expect(warm.sequentialCalls.fewest).toBe(2)
      if (when.producers === 1) {
        expect(total(warm.tableWriteUnits)).toBe(APPENDS + 2 * (APPENDS / APPENDS_PER_PAGE))
        expect(warm.refused).toEqual({})
      }
    })
  })

  test('a fetch at the tail is one read and a GET; a long poll without data reads heads only', async () => {
    const { inTail, justPaged, longPoll } = await countFetch(setting, {
      topic: 'fetched',
      fetches: 16,
      longPolls: 1,
    })
    expect(withoutTopic(inTail)).toEqual({ 'GetItem head': inTail.requests, 'GET wal': inTail.requests })
    expect(inTail.readUnits - (inTail.calls['GetItem topic'] ?? 0)).toBe(inTail.requests)
    expect(inTail.sequentialCalls.fewest).toBe(2)
    const { requests } = justPaged
    expect(withoutTopic(justPaged)).toEqual({
      'GetItem head': requests,
      'Query page': requests,
      'GET wal': requests,
    })
    expect(withoutTopic(longPoll)).toEqual({ 'GetItem head': expect.any(Number) })
    expect(longPoll.s3Calls).toBe(0)
  })
}

/** A handler reads the topic anew when what it remembers of it is ten seconds old. */
function withoutTopic({ calls }: RequestCounts): Record<string, number> {
  const { 'GetItem topic': _, ...others } = calls
  return others
}
