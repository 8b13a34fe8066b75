import { describe, expect, test } from 'vitest'
import { deliver } from '../../cli/deliver.ts'
import { leadersOf } from '../../cli/leaders.ts'
import { transport } from '../../client/index.ts'
import { decodeFrame } from '../../shared/protocol/frame.ts'
import { MAX_FRAME_HEADER_BYTES } from '../../shared/protocol/limits.ts'

const TOPIC = { name: 'orders', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }
const NO_LEADER = {
  errorCode: 5,
  errorName: 'LEADER_NOT_AVAILABLE',
  errorMessage: 'partition has no leader',
  retriable: true,
  effect: 'none',
}

/** A topic of which some partitions have no leader; what is produced to the others is at offset 7. */
function delivering(options: { leaderless: number[]; onSleep?: (stop: AbortController) => void }) {
  const stop = new AbortController()
  const produced: number[][] = []
  const told: (string | undefined)[] = []
  const leaderless = new Set(options.leaderless)
  const produce = (body: Uint8Array) => {
    const header = decodeFrame(body, MAX_FRAME_HEADER_BYTES).header as {
      topics: [{ partitions: { partitionIndex: number }[] }]
    }
    const indexes = header.topics[0].partitions.map(({ partitionIndex }) => partitionIndex)
    produced.push(indexes)
    const partitions = indexes.map((partitionIndex) => ({
      partitionIndex,
      ...(leaderless.has(partitionIndex) ? NO_LEADER : { errorCode: 0, baseOffset: 7 }),
    }))
    return { topics: [{ ...TOPIC, partitions }] }
  }
  const partitions = () =>
    [0, 1, 2, 3].map((partitionIndex) => ({
      errorCode: 0,
      partitionIndex,
      leaderId: leaderless.has(partitionIndex) ? -1 : 0,
      leaderEpoch: 0,
      replicaNodes: [0],
      isrNodes: [0],
      offlineReplicas: [],
    }))
  const metadata = () => ({ topics: [{ errorCode: 0, ...TOPIC, partitions: partitions() }] })
  const leaders = leadersOf([], () => 0)
  const sent = transport({
    endpoint: 'http://localhost:8082',
    fetch: async (url, init) => {
      if (String(url).endsWith('/metadata')) return Response.json(metadata())
      return Response.json(produce(new Uint8Array(await new Response(init?.body).arrayBuffer())))
    },
    deps: {
      random: () => 0.5,
      sleep: async (_ms, signal) => {
        options.onSleep?.(stop)
        signal?.throwIfAborted()
      },
    },
  })
  const run = (partitions: readonly number[], isMovable: boolean) =>
    deliver(
      sent,
      partitions.map((partition) => ({ partition, bytes: new Uint8Array(1), isMovable })),
      {
        topic: TOPIC,
        acks: -1,
        lastTry: stop.signal,
        signal: new AbortController().signal,
        onRows: (error) => told.push(error?.errorName),
        leaders,
      },
    )
  return { run, produced, told, leaderless, leaders }
}

describe('batches', () => {
  test('that were certainly not written are sent again, which is told until all are', async () => {
    const { run, produced, told, leaderless } = delivering({
      leaderless: [1],
      onSleep: () => {
        if (produced.length === 2) leaderless.clear()
      },
    })
    expect(await run([0, 1], false)).toEqual([
      { partition: 0, baseOffset: 7 },
      { partition: 1, baseOffset: 7 },
    ])
    expect(produced).toEqual([[0, 1], [1], [1]])
    expect(told).toEqual(['LEADER_NOT_AVAILABLE', 'LEADER_NOT_AVAILABLE', undefined])
  })

  test('are not sent again once the user interrupts, and what is known of them stays', async () => {
    const { run, produced, told } = delivering({ leaderless: [1], onSleep: (stop) => stop.abort() })
    expect(await run([0, 1], false)).toMatchObject([
      { baseOffset: 7 },
      { error: { errorName: 'LEADER_NOT_AVAILABLE', effect: 'none' } },
    ])
    expect(produced).toEqual([[0, 1]])
    expect(told).toEqual(['LEADER_NOT_AVAILABLE'])
  })

  test('without keys go from partitions without a leader to others, while there are any', async () => {
    const { run, produced, leaders } = delivering({ leaderless: [0, 1, 2] })
    expect(await run([0, 3], true)).toEqual([
      { partition: 3, baseOffset: 7 },
      { partition: 3, baseOffset: 7 },
    ])
    expect(produced).toEqual([[0, 3], [3]])
    expect([0, 1, 2, 3].filter(leaders.has)).toEqual([3])
  })

  test('that have to share a partition go there one after the other', async () => {
    const { run, produced } = delivering({ leaderless: [0, 1, 2] })
    expect(await run([0, 1], true)).toMatchObject([{ partition: 3 }, { partition: 3 }])
    expect(produced).toEqual([[0, 1], [3, 1], [3]])
  })
})
