import type { Head } from '../core/head.ts'
import { LIMITS } from '../protocol/limits.ts'
import type { Topic } from '../store/items/topic-item.ts'

/** A topic as it was read at `readAtMs`. */
interface CachedTopic {
  readonly topic: Topic
  readonly readAtMs: number
}

/** What an environment remembers between requests. Losing it costs reads; trusting it is safe, since writes check what it says. */
export interface Caches {
  /** By name. */
  readonly topics: Map<string, CachedTopic>
  /** By partition key. */
  readonly heads: Map<string, Head>
  /** Zones of the storage nodes by id, as they were read at `readAtMs`. */
  readonly zones: { byNode: ReadonlyMap<number, string>; readAtMs: number }
  /** Until when to ask a storage node last, by id. */
  readonly failingUntilMs: Map<number, number>
  /** When something was last reported of a storage node, by what it was and the node's id. */
  readonly reportedAtMs: Map<string, number>
  /** When a task was last triggered, by what it is to look after. */
  readonly wokenAtMs: Map<string, number>
  /** The lowest offset that was missed, by partition and node. */
  readonly lostOffsets: Map<string, number>
  /** Batches of which no sound copy was found, by replica, object and position: they stand in the log once. */
  readonly unsound: Map<string, true>
}

/** Empty caches. */
export function newCaches(): Caches {
  return {
    topics: new Map(),
    heads: new Map(),
    zones: { byNode: new Map(), readAtMs: Number.NEGATIVE_INFINITY },
    failingUntilMs: new Map(),
    reportedAtMs: new Map(),
    wokenAtMs: new Map(),
    lostOffsets: new Map(),
    unsound: new Map(),
  }
}

/** Keeps `topic`, and forgets the one kept longest when there are too many. */
export function rememberTopic(caches: Caches, topic: Topic, readAtMs: number): void {
  keep(caches.topics, topic.name, { topic, readAtMs }, LIMITS.maxCachedTopics)
}

/** Keeps the head of a partition, unless a newer one is known: answers may overtake each other. */
export function rememberHead(caches: Caches, pk: string, head: Head): void {
  const known = caches.heads.get(pk)
  if (known !== undefined && isNewer(known, head)) return
  keep(caches.heads, pk, head, LIMITS.maxCachedHeads)
}

/** Keeps when a task was triggered. */
export function rememberWoken(caches: Caches, subject: string, atMs: number): void {
  keep(caches.wokenAtMs, subject, atMs, LIMITS.maxCachedHeads)
}

/** Keeps the lowest offset that was missed; answers whether it is a new one. */
export function rememberLoss(caches: Caches, subject: string, offset: number): boolean {
  const known = caches.lostOffsets.get(subject)
  if (known !== undefined && known <= offset) return false
  keep(caches.lostOffsets, subject, offset, LIMITS.maxCachedHeads)
  return true
}

/** Keeps that no sound copy of a batch was found. */
export function rememberUnsound(caches: Caches, name: string): void {
  keep(caches.unsound, name, true, LIMITS.maxCachedHeads)
}

/** Has a storage node asked last from now on: it failed, or had lost what it was asked for. */
export function rememberFailing(caches: Caches, nodeId: number, untilMs: number): void {
  caches.failingUntilMs.set(nodeId, untilMs)
}

/** The storage nodes that failed a short while ago. */
export function failingNodes(caches: Caches, nowMs: number): ReadonlySet<number> {
  return new Set(
    [...caches.failingUntilMs].filter(([, untilMs]) => untilMs > nowMs).map(([nodeId]) => nodeId),
  )
}

function isNewer(a: Head, b: Head): boolean {
  if (a.leaderEpoch !== b.leaderEpoch) return a.leaderEpoch > b.leaderEpoch
  if (a.partitionEpoch !== b.partitionEpoch) return a.partitionEpoch > b.partitionEpoch
  return a.logEndOffset > b.logEndOffset
}

function keep<T>(map: Map<string, T>, key: string, value: T, most: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > most) {
    const [oldest] = map.keys()
    if (oldest !== undefined) map.delete(oldest)
  }
}
