import { replicasHolding } from '../core/fetch-plan.ts'
import { type Head, type LocatedBatch, nodeOf, replicaName } from '../core/head.ts'
import { fillHole } from '../core/isr-commands.ts'
import { logEndOf, replicasToFill } from '../core/replica.ts'
import { walKey } from '../core/wal-object.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import { decodeNode } from '../store/items/cluster-item.ts'
import { nodeKey } from '../store/keys.ts'
import { failingNodes } from './caches.ts'
import { concurrently } from './concurrent.ts'
import { copyFromAny } from './copy-from-any.ts'
import type { Deps } from './deps.ts'
import { type Partition, partitionName, updateHead } from './heads.ts'
import { readIncarnation } from './incarnation.ts'
import { locateBatches } from './locate-batches.ts'

/** How much one call may copy: objects to each replica, and for how long it goes on beginning to. */
export interface CopyBudget {
  readonly maxObjects: number
  readonly maxMs: number
}

/**
 * Gives the replicas of the ISR and those that join what they lack, copied from storage node to storage node, and says
 * so in the head. May be done by several at once, stopped anywhere and repeated. Answers the newest head; one that still
 * has holes to fill means that the budget is used up, or that a node could not be reached.
 */
export async function fillHoles(
  deps: Deps,
  partition: Partition,
  start: Head,
  budget: CopyBudget,
): Promise<Head> {
  const { head } = await fill(deps, partition, start, { ...budget, whenOvertaken: 'goOn' })
  return head
}

/** What one call did. */
interface Filling {
  /** The newest head. */
  readonly head: Head
  /** Whether a replica was given something by this call, and not by somebody else. */
  readonly hasProgressed: boolean
  /** Somebody else gave a replica what this call had just copied to it, and fills the holes from there on. */
  readonly isOvertaken: boolean
}

/** Does what `fillHoles` does until another one turns out to be doing it, too: of those that began at once, one is left. */
export function fillHolesAlone(
  deps: Deps,
  partition: Partition,
  start: Head,
  budget: CopyBudget,
): Promise<Filling> {
  return fill(deps, partition, start, { ...budget, whenOvertaken: 'stop' })
}

async function fill(
  deps: Deps,
  partition: Partition,
  start: Head,
  budget: CopyBudget & { readonly whenOvertaken: 'goOn' | 'stop' },
): Promise<Filling> {
  const endMs = deps.clock.nowMs() + budget.maxMs
  const left = new Map<string, number>()
  const copied = new Set<string>()
  let head = start
  let hasProgressed = false
  let refusals = 0
  // Each round copies something, or is refused by another one's progress: the bound is for one that never gets through.
  while (head.leader !== undefined && refusals < deps.limits.maxFillRounds) {
    const replica = mostBehind(
      head,
      replicasToFill(head).filter((replica) => (left.get(replica) ?? budget.maxObjects) > 0),
    )
    if (replica === undefined || deps.clock.nowMs() >= endMs) break
    const maxBatches = left.get(replica) ?? budget.maxObjects
    const part = await fillPart(deps, partition, { head, replica, maxBatches, copied, endMs })
    if (part.outcome === 'filled') hasProgressed = true
    if (part.outcome === 'refused') refusals += 1
    left.set(replica, part.outcome === 'failed' ? 0 : maxBatches - part.batches)
    if (part.head === undefined) break
    const isOvertaken = part.outcome === 'refused' && logEndOf(part.head, replica) > logEndOf(head, replica)
    head = part.head
    if (isOvertaken && budget.whenOvertaken === 'stop') return { head, hasProgressed, isOvertaken }
    await deps.clock.giveWay()
  }
  return { head, hasProgressed, isOvertaken: false }
}

/** One replica's share: which of its batches to copy, and the batches that this call copied before. */
interface Part {
  readonly head: Head
  readonly replica: string
  readonly maxBatches: number
  readonly copied: Set<string>
  /** No copy is begun any more then, but a first one. */
  readonly endMs: number
}

/** What came of it: the head as it is then, undefined when the topic is gone. */
interface Filled {
  readonly head: Head | undefined
  readonly batches: number
  /** `refused`: the head was another one by then; `failed`: nothing could be copied, or not be said in the head. */
  readonly outcome: 'filled' | 'refused' | 'failed'
}

/** Most batches that one write of the head accounts for: what is copied after it would be copied again. */
const PART_BATCHES = 256
const PART_BYTES = 16 * 1024 * 1024

async function fillPart(deps: Deps, partition: Partition, part: Part): Promise<Filled> {
  const { head, replica } = part
  try {
    await requireIncarnation(deps, replica)
    const { filledTo, batches } = await copyBatches(deps, partition, part)
    if (filledTo === undefined) return { head, batches, outcome: 'failed' }
    const verdict = await updateHead(deps, partition, fillHole(head, replica, filledTo))
    return { head: verdict.head, batches, outcome: verdict.applied ? 'filled' : 'refused' }
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    const facts = { partition: partitionName(partition), replica, error: error.message }
    deps.log.warn('replica could not be given what it lacks', facts)
    return { head, batches: 0, outcome: 'failed' }
  }
}

/**
 * Copies count only for the bucket that the replica is named by. One that is emptied after this look loses what it was
 * given like all else it had.
 */
async function requireIncarnation(deps: Deps, replica: string): Promise<void> {
  const nodeId = nodeOf(replica)
  const [item, found] = await Promise.all([
    deps.documents.get(nodeKey(nodeId), 'strong'),
    readIncarnation(deps, nodeId),
  ])
  const node = item === undefined ? undefined : decodeNode(item)
  if (node?.incarnationId === found && replicaName(nodeId, node?.incarnation ?? 0) === replica) return
  throw new KafkaError('KAFKA_STORAGE_ERROR', `storage node has another bucket replica=${replica}`)
}

/** Copies the first batches that the replica lacks; `filledTo` is where it then ends, undefined when none could be copied. */
async function copyBatches(deps: Deps, partition: Partition, part: Part) {
  const { head, replica, maxBatches, copied } = part
  const end = head.holeEnd[replica] ?? 0
  const from = Math.max(head.holeStart[replica] ?? 0, head.sealedEnd, head.logStartOffset)
  if (from >= end) return { filledTo: end, batches: 0 }
  const batches = await locateBatches(deps, partition, head, {
    from,
    end,
    maxBytes: PART_BYTES,
    maxBatches: Math.min(maxBatches, PART_BATCHES),
  })
  if (batches === undefined || batches.length === 0) return { filledTo: undefined, batches: 0 }
  const nameOf = ({ reference }: LocatedBatch) =>
    `${replica}/${walKey(reference.objectId)}@${reference.position}`
  const missing = batches.filter((batch) => !copied.has(nameOf(batch)))
  const known = { near: new Set<number>(), failing: failingNodes(deps.caches, deps.clock.nowMs()) }
  let isStopped = false
  await concurrently(missing, deps.limits.parallelCopies, async (batch, position) => {
    // What comes after one that is missing would not count; what could not be copied now may take its whole time-out.
    if (isStopped || (position > 0 && deps.clock.nowMs() >= part.endMs)) return
    const holders = replicasHolding(head, batch.endOffset, known)
    const sources = holders.filter((source) => source !== replica)
    if (await copyFromAny(deps, partition, { batch, sources, replica })) copied.add(nameOf(batch))
    else isStopped = true
  })
  const failedAt = batches.findIndex((batch) => !copied.has(nameOf(batch)))
  const held = failedAt < 0 ? batches : batches.slice(0, failedAt)
  return { filledTo: held.at(-1)?.endOffset, batches: held.length }
}

function mostBehind(head: Head, replicas: readonly string[]): string | undefined {
  return replicas.toSorted((a, b) => logEndOf(head, a) - logEndOf(head, b))[0]
}
