import { beforeAll, describe, expect, test } from 'vitest'
import { countFailover } from '../../bench/failover-counts.ts'

/** Node documents that a new controller claims, and what it writes of its lease: taken and given back. */
const CLAIMS = 3
const LEASE = 2
const DUE_SHARDS = 4

let counts: ReadonlyMap<string, Readonly<Record<string, number>>>

beforeAll(async () => {
  counts = new Map((await countFailover()).map(({ name, calls }) => [name, calls]))
})

describe('what is asked of documents and objects', () => {
  test.each([
    { name: 'append, acks=all', calls: { 'PUT wal': 3, 'UpdateItem head: append': 1 } },
    { name: 'append, acks=1', calls: { 'PUT wal': 3, 'UpdateItem head: append': 1 } },
    { name: 'tick without traffic', calls: { 'Query due': DUE_SHARDS, 'Query node': 1 } },
    { name: 'tick with traffic', calls: { 'Query due': DUE_SHARDS, 'Query node': 1, 'GET incarnation': 3 } },
  ])('by a $name is nothing but that', ({ name, calls }) => {
    expect(counts.get(name)).toEqual(calls)
  })

  test('by a failover of three partitions is one election, and that two know of a follower less', () => {
    expect(counts.get('failover')).toMatchObject({
      'GetItem head': 3,
      'UpdateItem head: fence': 1,
      'UpdateItem head: electLeader': 1,
      'UpdateItem head: changeIsr': 2,
      'UpdateItem node': CLAIMS + 2, // that it is DOWN, and that all topics know
    })
  })

  test('by appends that meet the failure is no refused write', () => {
    for (const name of ['append to the next leader', 'append that lost a follower']) {
      expect(counts.get(name), name).toMatchObject({ 'UpdateItem head: append': 1 })
    }
  })

  test('by a rejoin of three partitions is a write each, and one more when all is copied', () => {
    expect(counts.get('rejoin')).toMatchObject({
      'GetItem head': 3,
      'UpdateItem head: joinReplica': 3,
      'UpdateItem controller': LEASE,
      'PUT canary': 1,
    })
    expect(counts.get('catch-up')).toMatchObject({
      'UpdateItem head: fillHole': 3,
      'COPY wal': 2,
      'GET wal': 4,
    })
  })
})
