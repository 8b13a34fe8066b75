import { type Election, planElection } from './election.ts'
import { type Head, nodeOf, replicaName } from './head.ts'
import { outsiders, replicasToFill } from './replica.ts'
import type { StorageNode } from './storage-node.ts'

/** What a head is judged by: the storage nodes as the controller knows them, the topic's configs, and the time. */
export interface View {
  readonly nodes: ReadonlyMap<number, StorageNode>
  readonly nowMs: number
  /** How long an in-sync replica may lack something: replica.lag.time.max.ms. */
  readonly maxLagMs: number
  /** Whether a leader may be elected though it loses data: unclean.leader.election.enable. */
  readonly uncleanAllowed: boolean
  /** What the head is to have: min(min.insync.replicas, replication factor). */
  readonly minIsr: number
}

/** The next thing to do about a partition, most urgent first. */
export type Step =
  /** Its leader's node is gone, or has another bucket. */
  | { readonly step: 'fence' }
  /** A node's bucket is another one than the replica is named by. */
  | { readonly step: 'replace'; readonly lost: string; readonly successor: string }
  | { readonly step: 'elect'; readonly election: Election }
  /** There is no leader, and nobody can be elected. */
  | { readonly step: 'leaderless' }
  /** The topic's min.insync.replicas is another one than the head has. */
  | { readonly step: 'settleMinIsr'; readonly minIsr: number }
  /** Followers whose node is gone, or that lack something for too long, leave the ISR or the joining list. */
  | { readonly step: 'shrink'; readonly leaving: readonly string[] }
  | { readonly step: 'join'; readonly replica: string }
  /** Replicas lack something that can be copied now. */
  | { readonly step: 'catchUp' }
  /** Replicas outside wait for their node, or for the end of its hold-down at `untilMs`. */
  | { readonly step: 'wait'; readonly untilMs: number | undefined }
  | { readonly step: 'settled' }

/** Decides the next step from what is known; carrying it out and asking again leads to `settled`, or to a wait. */
export function nextStep(head: Head, view: View): Step {
  const { leader } = head
  const isLive = (replica: string) => isOnLiveNode(replica, view.nodes)
  if (leader !== undefined && !isLive(leader)) return { step: 'fence' }
  const replaced = replacement(head, view.nodes)
  if (replaced !== undefined) return replaced
  if (leader === undefined) {
    const election = planElection(head, { isLive, uncleanAllowed: view.uncleanAllowed })
    return election === undefined ? { step: 'leaderless' } : { step: 'elect', election }
  }
  const leaving = [...head.isr, ...head.joining].filter((replica) => !isLive(replica))
  if (leaving.length > 0) return { step: 'shrink', leaving }
  if (head.minIsr !== view.minIsr) return { step: 'settleMinIsr', minIsr: view.minIsr }
  const lagging = laggards(head, view)
  if (lagging.length > 0) return { step: 'shrink', leaving: lagging }
  const joining = outsiders(head).find((replica) => isLive(replica) && mayJoin(head, replica, view))
  if (joining !== undefined) return { step: 'join', replica: joining }
  if (replicasToFill(head).length > 0) return { step: 'catchUp' }
  return outsiders(head).length > 0
    ? { step: 'wait', untilMs: endOfHoldDown(head, view) }
    : { step: 'settled' }
}

/** Whether the node is UP, and its bucket the one that the replica is named by. */
export function isOnLiveNode(replica: string, nodes: ReadonlyMap<number, StorageNode>): boolean {
  const node = nodes.get(nodeOf(replica))
  return node?.state === 'UP' && replicaName(nodeOf(replica), node.incarnation) === replica
}

/**
 * In-sync replicas that lack something for longer than `maxLagMs`, as many as may leave: the ISR never gets below
 * minIsr for it, since what they lack is being copied.
 */
export function laggards(
  head: Head,
  { nowMs, maxLagMs }: Pick<View, 'nowMs' | 'maxLagMs'>,
): readonly string[] {
  const late = head.isr.filter((replica) => {
    const sinceMs = head.holeSince[replica]
    return replica !== head.leader && sinceMs !== undefined && nowMs - sinceMs > maxLagMs
  })
  return late.slice(0, Math.max(0, head.isr.length - head.minIsr))
}

/** A node that went down just now may do so again; but where too few are in sync, every replica is welcome. */
function mayJoin(head: Head, replica: string, { nodes, nowMs }: View): boolean {
  const node = nodes.get(nodeOf(replica))
  return node !== undefined && (head.isr.length < head.minIsr || nowMs >= node.holdDownUntilMs)
}

/** Only by a later bucket: where the head knows one that the view does not, the view is old. */
function replacement(head: Head, nodes: View['nodes']): Step | undefined {
  for (const lost of head.replicas) {
    const node = nodes.get(nodeOf(lost))
    if (node === undefined || node.incarnation <= incarnationOf(lost)) continue
    return { step: 'replace', lost, successor: replicaName(nodeOf(lost), node.incarnation) }
  }
  return undefined
}

function incarnationOf(replica: string): number {
  return Number(replica.slice(replica.indexOf('.') + 1))
}

/** When the first hold-down of a replica that waits on a live node is over; undefined when none is live. */
function endOfHoldDown(head: Head, { nodes }: View): number | undefined {
  const ends = outsiders(head).flatMap((replica) => {
    const node = nodes.get(nodeOf(replica))
    return node !== undefined && isOnLiveNode(replica, nodes) ? [node.holdDownUntilMs] : []
  })
  return ends.length === 0 ? undefined : Math.min(...ends)
}
