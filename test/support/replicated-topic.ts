import { setTimeout as wait } from 'node:timers/promises'
import { type Transport, transport } from '../../client/index.ts'
import type { PartitionMetadata } from '../../shared/protocol/api/metadata.ts'
import type { NodeAction } from '../../shared/protocol/api/node-faults.ts'
import type { ProduceResponse } from '../../shared/protocol/api/produce.ts'
import { networkOutcome } from './raw-client.ts'

/** What a produce came to. `refused`: it has no effect. `unknown`: it may have one, or may have one yet. */
export type Answer =
  | { readonly kind: 'acknowledged'; readonly baseOffset: number }
  | { readonly kind: 'refused' | 'unknown'; readonly errorName: string }

/** A batch of records with these values, to one partition. */
export interface Sent {
  readonly partitionIndex: number
  readonly values: readonly string[]
  readonly acks?: 0 | 1 | -1
  readonly timeoutMs?: number
  readonly producer?: { readonly producerId: number; readonly baseSequence: number }
}

/** A topic of a service, which may be killed and listen elsewhere afterwards, and the service's storage nodes. */
export interface ReplicatedTopic {
  readonly name: string
  readonly topicId: string
  /** Where the service listens. */
  readonly endpoint: () => string
  readonly log: Transport
  /** Sends once, and never again. */
  produce(sent: Sent): Promise<Answer>
  /** Every record of a partition from `from` up to the high watermark: its value by offset. */
  read(partitionIndex: number, from?: number): Promise<Map<number, string>>
  partitions(): Promise<readonly PartitionMetadata[]>
  /** Polls until it holds, for a minute unless told. Rejects with what it saw last. */
  until(
    fact: string,
    holds: (partitions: readonly PartitionMetadata[]) => boolean | Promise<boolean>,
    patienceMs?: number,
  ): Promise<void>
  node(nodeId: number, action: NodeAction): Promise<void>
  /** Which bucket a node has, counted. */
  incarnation(nodeId: number): Promise<number>
  /** A line per partition, as the command line describes them. */
  describe(): Promise<string>
}

/** Longer than anything that is waited for here takes on a busy machine. */
const PATIENCE_MS = 60_000
const POLL_MS = 20
const REQUEST_TIMEOUT_MS = 30_000
/** Stands for where the service listens. */
const SERVICE = 'http://service'

/** Every replica of every partition is in sync. */
export const isFull = (partitions: readonly PartitionMetadata[]) =>
  partitions.every(({ isrNodes, replicaNodes, leaderId }) => {
    return leaderId >= 0 && isrNodes.length === replicaNodes.length
  })

/** Creates a topic with three replicas of each partition, of which two have to have what is acknowledged. */
export async function replicatedTopic(
  endpoint: () => string,
  name: string,
  numPartitions: number,
): Promise<ReplicatedTopic> {
  const log = transport({
    endpoint: SERVICE,
    fetch: (input, init) => fetch(String(input).replace(SERVICE, endpoint()), init),
  })
  const topic = { name, numPartitions, replicationFactor: 3 }
  const [created] = (await log.call('create-topics', { topics: [topic] })).topics
  const topicId = created !== undefined && 'topicId' in created ? created.topicId : undefined
  if (topicId === undefined) throw new Error(`topic not created ${JSON.stringify(created)}`)

  const partitions = async () => {
    const { topics } = await log.call('metadata', { topics: [{ name }], includeOffsets: true })
    return topics[0]?.partitions ?? []
  }
  const until: ReplicatedTopic['until'] = async (fact, holds, patienceMs = PATIENCE_MS) => {
    const giveUpAtMs = performance.now() + patienceMs
    for (;;) {
      const now = await partitions()
      if (await holds(now)) return
      if (performance.now() > giveUpAtMs) throw new Error(`not in time: ${fact} ${JSON.stringify(now)}`)
      await wait(POLL_MS)
    }
  }
  return {
    name,
    topicId,
    endpoint,
    log,
    partitions,
    until,
    produce: (sent) => produce(endpoint(), name, sent).catch(networkOutcome),
    read: (partitionIndex, from = 0) => readAll(log, { name, partitionIndex, from }),
    node: async (nodeId, action) => {
      await log.nodeAction(nodeId, action)
    },
    incarnation: async (nodeId) => {
      const { nodes } = await log.call('describe-cluster', {})
      return nodes.find((node) => node.nodeId === nodeId)?.incarnation ?? 0
    },
    describe: async () => (await partitions()).map(describeLine).join('\n'),
  }
}

async function produce(endpoint: string, name: string, sent: Sent): Promise<Answer> {
  const { partitionIndex, values, acks = -1, timeoutMs = 10_000, producer } = sent
  const records = values.map((value) => ({ value: Buffer.from(value).toString('base64') }))
  const sequence = producer === undefined ? {} : { ...producer, producerEpoch: 0 }
  const topics = [{ name, partitions: [{ partitionIndex, records, ...sequence }] }]
  const answer = await fetch(`${endpoint}/v1/produce`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ acks, timeoutMs, topics }),
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  })
  const body = await answer.json()
  if (answer.status !== 200) {
    const { effect, kafka_error } = body as { effect: string; kafka_error: string }
    return { kind: effect === 'none' ? 'refused' : 'unknown', errorName: kafka_error }
  }
  const row = (body as ProduceResponse).topics[0]?.partitions[0]
  if (row === undefined) throw new Error('answer without a row')
  if (!('errorName' in row)) return { kind: 'acknowledged', baseOffset: row.baseOffset }
  return { kind: row.effect === 'none' ? 'refused' : 'unknown', errorName: row.errorName }
}

async function readAll(
  log: Transport,
  { name, partitionIndex, from }: { name: string; partitionIndex: number; from: number },
): Promise<Map<number, string>> {
  const found = new Map<number, string>()
  for (let fetchOffset = from; ; ) {
    const topics = [{ name, partitions: [{ partitionIndex, fetchOffset }] }]
    const answer = await log.call('fetch', { maxWaitMs: 0, topics })
    const row = answer.topics[0]?.partitions[0]
    if (row === undefined || row.errorCode !== 0) throw new Error(`fetch failed ${JSON.stringify(row)}`)
    for (const { offset, value } of row.records) found.set(offset, decoded(value))
    if (row.nextOffset >= row.highWatermark) return found
    if (row.nextOffset === fetchOffset) throw new Error(`nothing at offset ${fetchOffset}`)
    fetchOffset = row.nextOffset
  }
}

export function decoded(value: string | null): string {
  return Buffer.from(value ?? '', 'base64').toString()
}

function describeLine(partition: PartitionMetadata): string {
  const { partitionIndex, leaderId, leaderEpoch, replicaNodes, isrNodes } = partition
  const { highWatermark, logEndOffset } = partition
  return `  partition ${partitionIndex} leader ${leaderId} epoch ${leaderEpoch} replicas ${replicaNodes} isr ${isrNodes} hw ${highWatermark} leo ${logEndOffset}`
}
