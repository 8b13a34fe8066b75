import { nodeOf, validBatches } from '../../shared/core/head.ts'
import { logEndOf } from '../../shared/core/replica.ts'
import { decodeLease, decodeNode } from '../../shared/store/items/cluster-item.ts'
import { decodeHead } from '../../shared/store/items/head-item.ts'
import { decodeLoss } from '../../shared/store/items/loss-item.ts'
import { decodePage } from '../../shared/store/items/page-item.ts'
import { decodeSpilledProducer } from '../../shared/store/items/producer-item.ts'
import { decodeTopic, isBeingDeleted } from '../../shared/store/items/topic-item.ts'
import { CONTROLLER, lossKey, pagesFrom, partitionOfPk, TOPICS } from '../../shared/store/keys.ts'
import type { Cluster } from './cluster.ts'
import { brokenCopies, currentIncarnations, holds, type Stores } from './invariants-copies.ts'
import { brokenInHead, brokenInHeadWrite, type HeadWrite, isElection } from './invariants-head.ts'
import { type LogMirror, newLogMirror } from './invariants-log.ts'
import { brokenInLease, brokenInNode, headsNotTold } from './invariants-nodes.ts'

/**
 * Where each of the design's invariants is checked. Those of transactions and groups (I8 to I11) have nothing to be
 * checked on yet.
 *
 * | invariant | after each write | once all is at rest |
 * |---|---|---|
 * | I1 offsets once, without a gap | `tailGaps`, `LogMirror.paged`: tail and pages join up | `checkStored`; offset-gap |
 * | I2 min ISR copies below the high watermark | I5, I14 and I15 together | `checkStored` |
 * | I3 epochs and ends never fall; losses are recorded | `fallen`, `highWatermarkFell`, `brokenInNode`, `brokenInLease` | |
 * | I4 the leader is in sync and lacks nothing | `brokenInHead` | |
 * | I5 below min ISR the high watermark stands still | `highWatermarkMoved` | |
 * | I6 a clean election keeps what readers saw | `elected`, `highWatermarkFell` | final-lost, vanished-read |
 * | I7 a producer's sequence is that of its last batch | `LogMirror.producers` | duplicate, final-duplicate |
 * | I12 nothing acknowledged is lost | | final-lost, lost-write |
 * | I13 nothing at or above the high watermark is read | | beyond-end, vanished-read |
 * | I14 the high watermark is what the ISR has | `brokenInHead`: not less, `highWatermarkMoved`: not more | |
 * | I15 who counts as holding a batch has its object | `brokenCopies` | `checkStored` |
 */
export function watchInvariants(
  cluster: Cluster,
  say: (broken: string) => void,
  onTruncation: (pk: string, toOffset: number) => void = () => undefined,
): void {
  const logs = new Map<string, LogMirror>()
  const losses = new Map<string, { readonly fromOffset: number; readonly committedTo: number }>()
  /** When a head, a topic or a node's bucket was first known as it is, in writes. */
  const since = new Map<string, number>()
  /** Topics that there are: of any other one, whatever is left is only to be removed. */
  const listed = new Set<string>()
  let writes = 0

  const headWritten = ({ pk, before, after, plan }: HeadWrite) => {
    if (before === undefined) {
      logs.set(pk, newLogMirror())
      since.set(pk, writes)
    }
    const log = logs.get(pk)
    const { unclean } = cluster.configuration
    const isListed = listed.has(partitionOfPk(pk)?.topicId ?? '')
    const loss = losses.get(keyOf(lossKey(pk, after.leaderEpoch)))
    const broken = [...brokenInHead(after), ...(log?.headWritten(before, after) ?? [])]
    if (before !== undefined) {
      broken.push(...brokenInHeadWrite({ pk, before, after, plan }, { unclean, loss, isListed }))
      note(cluster, before, after)
      if (after.logEndOffset < before.logEndOffset) onTruncation(pk, after.logEndOffset)
    }
    sayAll(broken, pk)
    if (log === undefined) return
    // Both are in memory: it is over before anything else happens.
    const checked = brokenCopies(cluster, before, { head: after, batches: log.valid(after) })
    checked.then((lacking) => sayAll(lacking, pk), fail)
  }
  const sayAll = (facts: readonly string[], where: string) => {
    for (const fact of facts) say(`${fact} (${where})`)
  }
  const fail = (error: unknown) => say(`check failed: ${error instanceof Error ? error.stack : error}`)

  cluster.onWrite = (key, beforeItem, afterItem, plan) => {
    writes += 1
    const { pk, sk } = key
    if (afterItem === undefined) {
      if (sk === 'HEAD') logs.delete(pk)
      else if (sk.startsWith('PAGE#') && logs.has(pk))
        say(`C6: a page of a partition that there is was removed (${pk} ${sk})`)
      return
    }
    if (sk === 'HEAD') {
      const before = beforeItem === undefined ? undefined : decodeHead(beforeItem)
      headWritten({ pk, before, after: decodeHead(afterItem), plan })
    } else if (sk.startsWith('PAGE#')) {
      for (const fact of logs.get(pk)?.pageWritten(sk, decodePage(afterItem)) ?? [])
        say(`${fact} (${pk} ${sk})`)
    } else if (sk.startsWith('PID#')) {
      const spilled = decodeSpilledProducer(afterItem)
      const facts = logs.get(pk)?.producerSpilled(sk.slice('PID#'.length), spilled) ?? []
      for (const fact of facts) say(`${fact} (${pk} ${sk})`)
    } else if (sk.startsWith('LOSS#')) {
      losses.set(keyOf(key), decodeLoss(afterItem))
    } else if (pk === TOPICS) {
      since.set(keyOf(key), writes)
      const { topicId } = decodeTopic(sk, afterItem)
      if (isBeingDeleted(afterItem)) listed.delete(topicId)
      else listed.add(topicId)
    } else if (pk === CONTROLLER.pk && sk === CONTROLLER.sk && beforeItem !== undefined) {
      for (const fact of brokenInLease(decodeLease(beforeItem), decodeLease(afterItem))) say(fact)
    } else if (sk.startsWith('NODE#') && beforeItem !== undefined) {
      const [before, after] = [decodeNode(beforeItem), decodeNode(afterItem)]
      if (after.incarnation !== before.incarnation) since.set(keyOf(key), writes)
      for (const fact of brokenInNode(before, after)) say(`${fact} (${sk})`)
      if (before.state === 'UP' || after.state !== 'UP') return
      const changedAt = since.get(keyOf(key)) ?? 0
      const wasThere = (name: string) => (since.get(name) ?? Number.MAX_SAFE_INTEGER) < changedAt
      const told = headsNotTold(cluster.documents, {
        nodeId: Number(sk.slice('NODE#'.length)),
        node: after,
        wasThere,
      })
      told.then((left) => sayAll(left, sk), fail)
    }
  }
}

const keyOf = ({ pk, sk }: { readonly pk: string; readonly sk: string }) => `${pk}/${sk}`

/** Counts what a write of a head brought about. */
function note(
  { count, configuration }: Cluster,
  before: HeadWrite['after'],
  after: HeadWrite['after'],
): void {
  const elected = isElection(before, after)
  const larger = (a: object, b: object) => Object.keys(a).length > Object.keys(b).length
  if (elected) count('elections')
  if (elected && after.logEndOffset < before.logEndOffset) count('truncations')
  if (elected && configuration.unclean && after.highWatermark < before.highWatermark)
    count('unclean elections')
  if (before.leader !== undefined && after.leader === undefined) count('fences')
  if (before.leader !== undefined && after.leader !== undefined && before.leader !== after.leader)
    count('leader moves')
  if (after.isr.length < before.isr.length && !elected) count('ISR shrinks')
  if (after.isr.length > before.isr.length && !elected) count('ISR grows')
  if (after.joining.length > before.joining.length) count('joins')
  if (larger(after.holeStart, before.holeStart)) count('holes opened')
  if (larger(before.tail, after.tail) && !elected) count('tails trimmed')
  if (after.replicas.join() !== before.replicas.join()) count('replicas replaced')
  if (after.minIsr !== before.minIsr) count('minIsr changed')
}

/**
 * I1, I2 and I15 over all that is stored: offsets without a gap, and each replica of a live incarnation physically has
 * every batch below its log end.
 */
export async function checkStored(cluster: Stores, pk: string): Promise<readonly string[]> {
  const { documents } = cluster
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
  let nextOffset = head.logStartOffset
  for (const batch of [...batches.values()].sort((a, b) => a.baseOffset - b.baseOffset)) {
    if (batch.baseOffset !== nextOffset) broken.push(`I1: ${batch.baseOffset} follows ${nextOffset} ${pk}`)
    nextOffset = batch.endOffset
    for (const replica of head.replicas) {
      if (logEndOf(head, replica) < batch.endOffset || incarnations.get(nodeOf(replica)) !== replica) continue
      if (!(await holds(cluster, replica, batch)))
        broken.push(`I15: ${replica} lacks offset ${batch.baseOffset} ${pk}`)
    }
  }
  if (nextOffset !== head.logEndOffset)
    broken.push(`I1: the log ends at ${head.logEndOffset}, its index at ${nextOffset} ${pk}`)
  return broken
}
