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
}

/** Empty caches. */
export function newCaches(): Caches {
  return { topics: new Map(), heads: new Map() }
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
