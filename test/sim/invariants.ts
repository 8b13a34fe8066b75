import { type Head, locateTail, nodeOf, validBatches } from '../../shared/core/head.ts'
import { logEndOf } from '../../shared/core/replica.ts'
import { walKey } from '../../shared/core/wal-object.ts'
import { decodeNode } from '../../shared/store/items/cluster-item.ts'
import { decodeHead } from '../../shared/store/items/head-item.ts'
import { decodePage } from '../../shared/store/items/page-item.ts'
import { ALL_NODES, CLUSTER_META, pagesFrom } from '../../shared/store/keys.ts'
import type { Cluster } from './cluster.ts'

/** Checks design's invariants on what each write of a head changed; a sentence for each that does not hold. */
export function watchInvariants(cluster: Cluster, say: (broken: string) => void): void {
  cluster.onWrite = (key, beforeItem, afterItem) => {
    if (key.sk !== 'HEAD' || afterItem === undefined) return
    const after = decodeHead(afterItem)
    const before = beforeItem === undefined ? undefined : decodeHead(beforeItem)
    const broken = [...still(after), ...(before === undefined ? [] : moved(cluster, before, after))]
    for (const fact of broken) say(`${fact} (${key.pk})`)
  }
}

/** What is true of any head. */
function still(head: Head): readonly string[] {
  const { leader, isr, joining, holeStart, holeEnd, highWatermark, logEndOffset } = head
  const broken: string[] = []
  if (leader !== undefined && !isr.includes(leader)) broken.push('I4: the leader is not in the ISR')
  if (leader !== undefined && holeStart[leader] !== undefined) broken.push('I4: the leader has a hole')
  if (highWatermark > logEndOffset) broken.push('I14: the high watermark is beyond the log end')
  const ends = isr.map((replica) => logEndOf(head, replica))
  if (isr.length >= head.minIsr && highWatermark < Math.min(...ends)) {
    broken.push(`I14: the high watermark is ${highWatermark}, the ISR ends at ${ends}`)
  }
  for (const replica of joining) {
    if (holeStart[replica] === undefined) broken.push(`a joining replica lacks nothing: ${replica}`)
    if (isr.includes(replica)) broken.push(`both joining and in the ISR: ${replica}`)
  }
  for (const replica of head.replicas) {
    const isOutside = !isr.includes(replica) && !joining.includes(replica)
    if (isOutside && holeStart[replica] === undefined) broken.push(`outside without a hole: ${replica}`)
    if (isOutside && holeEnd[replica] !== undefined) broken.push(`outside with a hole that ends: ${replica}`)
    const start = holeStart[replica]
    if (!isOutside && start !== undefined && (holeEnd[replica] ?? -1) < start) {
      broken.push(`inside with a hole that grows: ${replica}`)
    }
    if (start !== undefined && start > logEndOffset) broken.push(`a hole begins beyond the log: ${replica}`)
  }
  if (Object.keys(holeStart).length > 0 && head.dueAtMs === undefined)
    broken.push('a hole, and nothing is due')
  if (leader === undefined && head.dueAtMs === undefined) broken.push('no leader, and nothing is due')
  broken.push(...tailGaps(head))
  return broken
}

/** I1 within the tail: valid batches follow each other, up to the log end. */
function tailGaps(head: Head): readonly string[] {
  const batches = locateTail(head)
  const broken: string[] = []
  for (const [position, batch] of batches.entries()) {
    const next = batches[position + 1]?.baseOffset ?? head.logEndOffset
    if (batch.endOffset !== next)
      broken.push(`I1: a batch ends at ${batch.endOffset}, the next begins at ${next}`)
  }
  return broken
}

/** What is true of one write. */
function moved({ exercised, count, configuration }: Cluster, before: Head, after: Head): readonly string[] {
  const broken: string[] = []
  for (const name of [
    'leaderEpoch',
    'partitionEpoch',
    'controllerEpoch',
    'logStartOffset',
    'sealedEnd',
  ] as const) {
    if (after[name] < before[name]) broken.push(`I3: ${name} fell from ${before[name]} to ${after[name]}`)
  }
  const isElection = before.leader === undefined && after.leader !== undefined
  if (after.logEndOffset < before.logEndOffset && !isElection)
    broken.push('the log got shorter without an election')
  if (after.highWatermark < before.highWatermark) {
    if (!isElection) broken.push('I3: the high watermark fell without an election')
    else if (!configuration.unclean) broken.push('I6: an election took what readers counted on')
    else count('unclean elections')
  }
  if (isElection) {
    count('elections')
    if (after.logEndOffset < before.logEndOffset) count('truncations')
    if (after.logEndOffset > before.logEndOffset) broken.push('an election made the log longer')
  }
  if (before.leader !== undefined && after.leader === undefined) count('fences')
  if (before.leader !== undefined && after.leader !== undefined && before.leader !== after.leader)
    count('leader moves')
  if (after.isr.length < before.isr.length && !isElection) count('ISR shrinks')
  if (after.isr.length > before.isr.length && !isElection) count('ISR grows')
  if (after.joining.length > before.joining.length) count('joins')
  if (Object.keys(after.holeStart).length > Object.keys(before.holeStart).length) count('holes opened')
  if (Object.keys(after.tail).length < Object.keys(before.tail).length && !isElection) count('tails trimmed')
  if (after.replicas.join() !== before.replicas.join()) count('replicas replaced')
  if (after.minIsr !== before.minIsr) count('minIsr changed')
  if (
    before.isr.length < before.minIsr &&
    after.isr.length < after.minIsr &&
    after.highWatermark > before.highWatermark
  ) {
    broken.push('I5: the high watermark moved while too few were in sync')
  }
  void exercised
  return broken
}

/**
 * I1, I2 and I15 over all that is stored: offsets without a gap, and each replica of a live incarnation physically has
 * every batch below its log end.
 */
export async function checkStored(cluster: Cluster, pk: string): Promise<readonly string[]> {
  const { documents, nodes } = cluster
  const item = await documents.get({ pk, sk: 'HEAD' }, 'strong')
  if (item === undefined) return [`no head ${pk}`]
  const head = decodeHead(item)
  const incarnations = await currentIncarnations(cluster)
  const pages = await documents.list(pk, { ...pagesFrom(0), limit: 100_000, direction: 'ascending' })
  const entries = [...pages.map((page) => decodePage(page.item).entries), head.tail]
  const batches = new Map(
    entries.flatMap((map) => validBatches(map, head.lineage)).map((batch) => [batch.baseOffset, batch]),
  )
  const broken: string[] = []
  let nextOffset = 0
  for (const batch of [...batches.values()].sort((a, b) => a.baseOffset - b.baseOffset)) {
    if (batch.baseOffset !== nextOffset) broken.push(`I1: ${batch.baseOffset} follows ${nextOffset} ${pk}`)
    nextOffset = batch.endOffset
    const key = walKey(batch.reference.objectId)
    for (const replica of head.replicas) {
      if (logEndOf(head, replica) < batch.endOffset || incarnations.get(nodeOf(replica)) !== replica) continue
      const bytes = await nodes.get(nodeOf(replica))?.get(key, undefined, new AbortController().signal)
      if (bytes === undefined) broken.push(`I15: ${replica} lacks offset ${batch.baseOffset} ${pk}`)
    }
  }
  if (nextOffset !== head.logEndOffset)
    broken.push(`I1: the log ends at ${head.logEndOffset}, its index at ${nextOffset} ${pk}`)
  return broken
}

/** The replica names that the nodes' buckets really have: one that was emptied and not found out yet has none. */
async function currentIncarnations({ documents, nodes }: Cluster): Promise<ReadonlyMap<number, string>> {
  const found = new Map<number, string>()
  const stored = await documents.list(CLUSTER_META.pk, { ...ALL_NODES, limit: 100, direction: 'ascending' })
  for (const [nodeId, { item }] of stored.entries()) {
    const node = decodeNode(item)
    const bytes = await nodes.get(nodeId)?.get('incarnation', undefined, new AbortController().signal)
    if (bytes !== undefined && new TextDecoder().decode(bytes) === node.incarnationId) {
      found.set(nodeId, `${nodeId}.${node.incarnation}`)
    }
  }
  return found
}
