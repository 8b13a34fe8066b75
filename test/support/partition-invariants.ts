import { type BatchReference, packReference } from '../../shared/core/batch-reference.ts'
import { type Head, type LocatedBatch, nodeOf, validBatches } from '../../shared/core/head.ts'
import { packProducerState, producerKey, sequenceAfter } from '../../shared/core/producer-state.ts'
import { logEndOf, outsiders } from '../../shared/core/replica.ts'
import { ulidText } from '../../shared/core/ulid.ts'
import { walKey } from '../../shared/core/wal-object.ts'
import { decodeHead } from '../../shared/store/items/head-item.ts'
import { decodePage } from '../../shared/store/items/page-item.ts'
import { decodeSpilledProducer } from '../../shared/store/items/producer-item.ts'
import { EVERYTHING, headKey, partitionPk } from '../../shared/store/keys.ts'
import type { TestDeps } from './test-deps.ts'

/** A partition as it is stored, read behind the faults. */
export interface StoredPartition {
  readonly head: Head
  /** Every valid batch, in the tail or in pages, each once and in order. */
  readonly batches: readonly LocatedBatch[]
}

/** The stored head of a partition. */
export async function storedHead(deps: TestDeps, topicId: string, partitionIndex = 0): Promise<Head> {
  const item = await deps.documents.store.get(headKey(topicId, partitionIndex), 'strong')
  if (item === undefined) throw new Error('no head is stored')
  return decodeHead(item)
}

/**
 * What of design §14 does not hold for a stored partition, as sentences; `before` is the head of an earlier check. No node
 * lost data, no election was unclean, and nothing is sealed or removed yet.
 */
export async function brokenInvariants(
  deps: TestDeps,
  topicId: string,
  before: Head | undefined,
): Promise<{ broken: readonly string[]; stored: StoredPartition }> {
  const pk = partitionPk(topicId, 0)
  const query = { ...EVERYTHING, limit: 10_000, direction: 'ascending' } as const
  const entries = await deps.documents.store.list(pk, query)
  const head = await storedHead(deps, topicId)
  const pages = entries.filter(({ key }) => key.sk.startsWith('PAGE#')).map(({ item }) => decodePage(item))
  const references = new Map<string, LocatedBatch>()
  for (const entry of [head.tail, ...pages.map((page) => page.entries)]) {
    for (const batch of validBatches(entry, head.lineage)) references.set(idOf(batch), batch)
  }
  const batches = [...references.values()].sort((a, b) => a.baseOffset - b.baseOffset)
  const spilled = new Map(
    entries
      .filter(({ key }) => key.sk.startsWith('PID#'))
      .map(({ key, item }) => [key.sk.slice(4), decodeSpilledProducer(item)]),
  )
  const broken = [
    ...gaps(head, batches),
    ...(before === undefined ? [] : falls(before, head)),
    ...highWatermark(before, head),
    ...leadership(head),
    ...holes(head),
    ...bounds(deps, head),
    ...producers(head, batches, spilled),
    ...(await missingObjects(deps, head, batches)),
  ]
  return { broken, stored: { head, batches } }
}

/** I1: offsets are assigned once and without a gap. */
function gaps(head: Head, batches: readonly LocatedBatch[]): readonly string[] {
  const broken: string[] = []
  let nextOffset = head.logStartOffset
  for (const batch of batches) {
    if (batch.baseOffset !== nextOffset) broken.push(`I1: ${batch.baseOffset} follows ${nextOffset}`)
    nextOffset = batch.endOffset
  }
  if (nextOffset !== head.logEndOffset)
    broken.push(`I1: log ends at ${head.logEndOffset}, index at ${nextOffset}`)
  return broken
}

/** I3: what never falls. Only an election may shorten the log. */
function falls(before: Head, head: Head): readonly string[] {
  const names = [
    'leaderEpoch',
    'partitionEpoch',
    'controllerEpoch',
    'logStartOffset',
    'highWatermark',
    'sealedEnd',
    ...(head.leaderEpoch === before.leaderEpoch ? (['logEndOffset', 'maxEvictedOffset'] as const) : []),
  ] as const
  return names.filter((name) => head[name] < before[name]).map((name) => `I3: ${name} fell`)
}

/** I5, I14. What it was before holds it up, so that it may be above what the replicas in sync have. */
function highWatermark(before: Head | undefined, head: Head): readonly string[] {
  if (head.highWatermark > head.logEndOffset) return ['I14: high watermark beyond the log end']
  const isSameIsr = before?.partitionEpoch === head.partitionEpoch
  if (head.isr.length < head.minIsr) {
    return isSameIsr && before.highWatermark !== head.highWatermark
      ? ['I5: high watermark moved though too few are in sync']
      : []
  }
  const inSync = Math.min(...head.isr.map((replica) => logEndOf(head, replica)))
  if (head.highWatermark < inSync) return ['I14: high watermark stands still though the ISR has more']
  const most = Math.max(inSync, before?.highWatermark ?? 0)
  return isSameIsr && head.highWatermark > most ? ['I14: high watermark beyond what the ISR has'] : []
}

/** I4: the leader is in sync and lacks nothing. */
function leadership({ leader, isr, holeStart }: Head): readonly string[] {
  if (leader === undefined || (isr.includes(leader) && holeStart[leader] === undefined)) return []
  return [`I4: leader ${leader} is not in sync`]
}

/** What a replica in sync or joining lacks has an end, what any other one lacks has none. */
function holes(head: Head): readonly string[] {
  const outside = outsiders(head)
  return head.replicas.flatMap((replica) => {
    const start = head.holeStart[replica]
    const end = head.holeEnd[replica]
    const isShaped = outside.includes(replica)
      ? start !== undefined && end === undefined
      : start === undefined
        ? end === undefined && !head.joining.includes(replica)
        : end !== undefined && start <= end && end <= head.logEndOffset
    return isShaped ? [] : [`hole of ${replica} is [${start}, ${end})`]
  })
}

/** H12: what keeps a head small. */
function bounds({ limits }: TestDeps, head: Head): readonly string[] {
  const broken: string[] = []
  if (Object.keys(head.tail).length > limits.maxTailEntries) broken.push('H12: tail is too long')
  if (Object.keys(head.producers).length > limits.maxHeadProducers) broken.push('H12: too many producers')
  return broken
}

/** I7: what is stored of a producer is its last batch; one moved out is known from its own document. */
function producers(
  head: Head,
  batches: readonly LocatedBatch[],
  spilled: ReadonlyMap<string, { state: Parameters<typeof packProducerState>[0]; lastBaseOffset: number }>,
): readonly string[] {
  const last = new Map<string, LocatedBatch>()
  for (const batch of batches) {
    const { sequence } = batch.reference
    if (sequence !== undefined) last.set(producerKey(sequence.producerId), batch)
  }
  return [...last].flatMap(([producer, batch]) => {
    const own = spilled.get(producer)
    const state = head.producers[producer] ?? (own && packProducerState(own.state))
    const offset = head.producerOffsets[producer] ?? own?.lastBaseOffset
    if (state === stateAfter(batch.reference) && offset === batch.baseOffset) return []
    return [
      `I7: producer ${producer} is stored as ${state} at ${offset}, its last batch is at ${batch.baseOffset}`,
    ]
  })
}

function stateAfter({ sequence, recordCount }: BatchReference): number | undefined {
  if (sequence === undefined) return undefined
  const nextSequence = sequenceAfter(sequence.baseSequence, recordCount)
  return packProducerState({ producerEpoch: sequence.producerEpoch, nextSequence })
}

/** I15: every replica has the objects outside of what it lacks. I2: of what is committed there are enough copies. */
async function missingObjects(
  deps: TestDeps,
  head: Head,
  batches: readonly LocatedBatch[],
): Promise<readonly string[]> {
  const broken: string[] = []
  const signal = new AbortController().signal
  for (const batch of batches) {
    const { reference } = batch
    let copies = 0
    for (const replica of head.replicas) {
      const range = { start: reference.position, end: reference.position + reference.length }
      const node = deps.nodes.get(nodeOf(replica))
      const bytes = await node?.store.get(walKey(reference.objectId), range, signal)
      if (bytes !== undefined) copies += 1
      else if (!mayLack(head, replica, batch))
        broken.push(`I15: ${replica} lacks ${ulidText(reference.objectId)}`)
    }
    if (batch.endOffset <= head.highWatermark && copies < head.minIsr) {
      broken.push(`I2: ${batch.baseOffset} is committed with ${copies} copies`)
    }
  }
  return broken
}

function mayLack(head: Head, replica: string, { baseOffset, endOffset }: LocatedBatch): boolean {
  const start = head.holeStart[replica]
  return start !== undefined && start < endOffset && baseOffset < (head.holeEnd[replica] ?? endOffset)
}

function idOf(batch: LocatedBatch): string {
  return `${packReference(batch.reference)}@${batch.baseOffset}`
}
