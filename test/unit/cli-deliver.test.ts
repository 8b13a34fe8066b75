import { describe, expect, test } from 'vitest'
import { deliver } from '../../cli/deliver.ts'
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
  const sent = transport({
    endpoint: 'http://localhost:8082',
    fetch: async (_url, init) =>
      Response.json(produce(new Uint8Array(await new Response(init?.body).arrayBuffer()))),
    deps: {
      random: () => 0.5,
      sleep: async (_ms, signal) => {
        options.onSleep?.(stop)
        signal?.throwIfAborted()
      },
    },
  })
  const run = (partitions: readonly number[]) =>
    deliver(
      sent,
      partitions.map((partition) => ({ partition, bytes: new Uint8Array(1) })),
      {
        topic: TOPIC,
        acks: -1,
        lastTry: stop.signal,
        signal: new AbortController().signal,
        onRows: (error) => told.push(error?.errorName),
      },
    )
  return { run, produced, told, leaderless }
}

describe('batches', () => {
  test('that were certainly not written are sent again, which is told until all are', async () => {
    const { run, produced, told, leaderless } = delivering({
      leaderless: [1],
      onSleep: () => {
        if (produced.length === 2) leaderless.clear()
      },
    })
    expect(await run([0, 1])).toEqual([{ baseOffset: 7 }, { baseOffset: 7 }])
    expect(produced).toEqual([[0, 1], [1], [1]])
    expect(told).toEqual(['LEADER_NOT_AVAILABLE', 'LEADER_NOT_AVAILABLE', undefined])
  })

  test('are not sent again once the user interrupts, and what is known of them stays', async () => {
    const { run, produced, told } = delivering({ leaderless: [1], onSleep: (stop) => stop.abort() })
    expect(await run([0, 1])).toMatchObject([
      { baseOffset: 7 },
      { error: { errorName: 'LEADER_NOT_AVAILABLE', effect: 'none' } },
    ])
    expect(produced).toEqual([[0, 1]])
    expect(told).toEqual(['LEADER_NOT_AVAILABLE'])
  })
})
