import { nodeOf, validBatches } from '../../shared/core/head.ts'
import { logEndOf } from '../../shared/core/replica.ts'
import type { Item } from '../../shared/core/update-plan.ts'
import type { Key } from '../../shared/store/document-store.ts'
import { decodeLease, decodeNode } from '../../shared/store/items/cluster-item.ts'
import { decodeHead } from '../../shared/store/items/head-item.ts'
import { decodeLoss, type Loss } from '../../shared/store/items/loss-item.ts'
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
 * Where each of the design's invariants is checked; those of groups (I10, I11, and I3 of a generation) in
 * `watchGroups`. Those of transactions (I8, I9) have nothing to be checked on yet.
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
  const watch: Watch = {
    cluster,
    onTruncation,
    logs: new Map(),
    losses: new Map(),
    since: new Map(),
    listed: new Set(),
    writes: 0,
    sayAll: (facts, where) => {
      for (const fact of facts) say(`${fact} (${where})`)
    },
    later: (checking, where) => {
      checking.then(
        (facts) => watch.sayAll(facts, where),
        (error: unknown) => say(`check failed: ${error instanceof Error ? error.stack : error}`),
      )
    },
  }
  cluster.onWrite = (key, before, after, plan) => {
    watch.writes += 1
    const { pk, sk } = key
    if (after === undefined) removed(watch, key)
    else if (sk === 'HEAD') {
      const head = before === undefined ? undefined : decodeHead(before)
      headWritten(watch, { pk, before: head, after: decodeHead(after), plan })
    } else if (pk === TOPICS) topicWritten(watch, key, after)
    else if (pk === CONTROLLER.pk && before !== undefined) clusterWritten(watch, key, { before, after })
    else partitionWritten(watch, key, after)
  }
}

/** What is known of a cluster from the writes so far. */
interface Watch {
  readonly cluster: Cluster
  readonly onTruncation: (pk: string, toOffset: number) => void
  /** Of partitions whose first write was seen. */
  readonly logs: Map<string, LogMirror>
  readonly losses: Map<string, Loss>
  /** When a head, a topic or a node's bucket was first known as it is, in writes. */
  readonly since: Map<string, number>
  /** Topics that there are: of any other one, whatever is left is only to be removed. */
  readonly listed: Set<string>
  writes: number
  sayAll(facts: readonly string[], where: string): void
  /** All stores are in memory: it is over before anything else happens. */
  later(checking: Promise<readonly string[]>, where: string): void
}

function removed({ logs, sayAll }: Watch, { pk, sk }: Key): void {
  if (sk === 'HEAD') logs.delete(pk)
  if (sk.startsWith('PAGE#') && logs.has(pk))
    sayAll(['C6: a page of a partition that there is was removed'], pk)
}

function headWritten(watch: Watch, { pk, before, after, plan }: HeadWrite): void {
  const { cluster, logs, losses, listed, since, sayAll } = watch
  if (before === undefined) {
    logs.set(pk, newLogMirror())
    since.set(pk, watch.writes)
  }
  const log = logs.get(pk)
  sayAll([...brokenInHead(after), ...(log?.headWritten(before, after) ?? [])], pk)
  if (before !== undefined) {
    const { unclean } = cluster.configuration
    const loss = losses.get(keyOf(lossKey(pk, after.leaderEpoch)))
    const isListed = listed.has(partitionOfPk(pk)?.topicId ?? '')
    sayAll(brokenInHeadWrite({ pk, before, after, plan }, { unclean, loss, isListed }), pk)
    note(cluster, before, after)
    if (after.logEndOffset < before.logEndOffset) watch.onTruncation(pk, after.logEndOffset)
  }
  if (log !== undefined) {
    watch.later(brokenCopies(cluster, before, { head: after, batches: log.valid(after) }), pk)
  }
}

/** What a partition has beside its head. */
function partitionWritten({ logs, losses, sayAll }: Watch, key: Key, after: Item): void {
  const { pk, sk } = key
  const log = logs.get(pk)
  if (sk.startsWith('LOSS#')) losses.set(keyOf(key), decodeLoss(after))
  if (sk.startsWith('PAGE#')) sayAll(log?.pageWritten(sk, decodePage(after)) ?? [], `${pk} ${sk}`)
  if (sk.startsWith('PID#')) {
    const producer = sk.slice('PID#'.length)
    sayAll(log?.producerSpilled(producer, decodeSpilledProducer(after)) ?? [], `${pk} ${sk}`)
  }
}

function topicWritten({ since, listed, writes }: Watch, key: Key, after: Item): void {
  const { topicId } = decodeTopic(key.sk, after)
  since.set(keyOf(key), writes)
  if (isBeingDeleted(after)) listed.delete(topicId)
  else listed.add(topicId)
}

function clusterWritten(
  watch: Watch,
  key: Key,
  items: { readonly before: Item; readonly after: Item },
): void {
  const { cluster, since, sayAll } = watch
  if (key.sk === CONTROLLER.sk)
    sayAll(brokenInLease(decodeLease(items.before), decodeLease(items.after)), key.sk)
  if (!key.sk.startsWith('NODE#')) return
  const [before, after] = [decodeNode(items.before), decodeNode(items.after)]
  if (after.incarnation !== before.incarnation) since.set(keyOf(key), watch.writes)
  sayAll(brokenInNode(before, after), key.sk)
  // One that went DOWN before all heads knew its bucket comes UP with that walk still ahead.
  if (before.state !== 'RECOVERING' || after.state !== 'UP') return
  const changedAt = since.get(keyOf(key)) ?? 0
  const wasThere = (name: string) => (since.get(name) ?? Number.MAX_SAFE_INTEGER) < changedAt
  const nodeId = Number(key.sk.slice('NODE#'.length))
  watch.later(headsNotTold(cluster.documents, { nodeId, node: after, wasThere }), key.sk)
}

const keyOf = ({ pk, sk }: Key) => `${pk}/${sk}`

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
