import type { Head } from '../../shared/core/head.ts'
import type { Item } from '../../shared/core/update-plan.ts'
import type { Key } from '../../shared/store/document-store.ts'
import { decodeHead } from '../../shared/store/items/head-item.ts'
import { decodeLoss } from '../../shared/store/items/loss-item.ts'
import { decodeTopic, isBeingDeleted } from '../../shared/store/items/topic-item.ts'
import { headKey, partitionOfPk, TOPICS } from '../../shared/store/keys.ts'
import type { MemoryDocuments } from './memory-documents.ts'

/** A topic as a client knows it: there may have been others of the same name. */
export interface Topic {
  readonly name: string
  readonly topicId: string
  readonly partitions: number
}

/** A topic that was there at some time of the run. */
export interface KnownTopic {
  readonly name: string
  readonly topicId: string
  partitions: number
  /** Of events, when its name came to stand for it, and when it was free again: nothing of it may be left then. */
  readonly madeAt: number
  goneAt: number | undefined
  /** Documents that somebody wrote once their head was gone: for an append, or in a late call, that began before. */
  readonly writtenLate: Set<string>
  /** By partition, from where on an election took what readers counted on. */
  readonly losses: Map<number, number>
}

/** All topics that ever were, as the document store saw them come and go. */
export interface Topics {
  readonly known: ReadonlyMap<string, KnownTopic>
  /** To be told of every document write. */
  note(key: Key, before: Item | undefined, after: Item | undefined): void
}

/** Counts what becomes of topics. */
export function newTopics({ count, steps }: { count(what: string): void; steps(): number }): Topics {
  const known = new Map<string, KnownTopic>()
  const names = new Set<string>()
  const headless = new Set<string>()

  const noteTopic = (name: string, before: Item | undefined, after: Item | undefined) => {
    const was = before === undefined ? undefined : known.get(decodeTopic(name, before).topicId)
    if (after === undefined) {
      if (was === undefined) return
      was.goneAt = steps()
      count('topics deleted')
      return
    }
    const { topicId, partitionCount } = decodeTopic(name, after)
    if (was !== undefined) {
      if (partitionCount > was.partitions) count('partitions added')
      was.partitions = partitionCount
      return
    }
    count(names.has(name) ? 'topics made anew' : 'topics created')
    names.add(name)
    known.set(topicId, {
      name,
      topicId,
      partitions: partitionCount,
      madeAt: steps(),
      goneAt: undefined,
      writtenLate: new Set(),
      losses: new Map(),
    })
  }

  return {
    known,
    note: ({ pk, sk }, before, after) => {
      if (pk === TOPICS) return noteTopic(sk, before, after)
      const partition = partitionOfPk(pk)
      const topic = partition === undefined ? undefined : known.get(partition.topicId)
      if (sk === 'HEAD' && after === undefined) headless.add(pk)
      if (partition === undefined || topic === undefined || after === undefined) return
      if (headless.has(pk)) topic.writtenLate.add(`${pk}/${sk}`)
      if (sk.startsWith('PID#')) count('producers spilled')
      if (!sk.startsWith('LOSS#')) return
      const { fromOffset, committedTo } = decodeLoss(after)
      if (committedTo <= fromOffset) return
      const { partitionIndex } = partition
      topic.losses.set(partitionIndex, Math.min(topic.losses.get(partitionIndex) ?? fromOffset, fromOffset))
    },
  }
}

/** A partition's head as it is stored. */
export function headOf(documents: MemoryDocuments, topicId: string, partition: number): Head | undefined {
  const item = documents.peek(headKey(topicId, partition))
  return item === undefined ? undefined : decodedHead(item)
}

const decoded = new WeakMap<Item, Head>()

/** A head that may have been looked at before: stored documents never change. */
function decodedHead(item: Item): Head {
  const known = decoded.get(item)
  if (known !== undefined) return known
  const head = decodeHead(item)
  decoded.set(item, head)
  return head
}

/** The topics that there are; also those whose deletion was begun, where `beingDeleted` is asked for. */
export function storedTopics(
  documents: MemoryDocuments,
  { beingDeleted }: { beingDeleted: boolean },
): readonly Topic[] {
  return documents.all(TOPICS).flatMap(({ key: { sk: name }, item }) => {
    if (isBeingDeleted(item) !== beingDeleted) return []
    const { topicId, partitionCount } = decodeTopic(name, item)
    return [{ name, topicId, partitions: partitionCount }]
  })
}

/** What is left of topics that are gone, in words; a head, or what stood there before the topic went, must not be. */
export function leftOvers(topics: Topics, documents: MemoryDocuments, count: (what: string) => void) {
  const left: string[] = []
  for (const { key } of documents.all()) {
    const partition = partitionOfPk(key.pk)
    const topic = partition === undefined ? undefined : topics.known.get(partition.topicId)
    if (partition === undefined || topic?.goneAt === undefined) continue
    const isLate = key.sk !== 'HEAD' && topic.writtenLate.has(`${key.pk}/${key.sk}`)
    if (isLate || partition.partitionIndex >= topic.partitions) count('documents left of a deleted topic')
    else left.push(`${key.pk} ${key.sk} of the deleted topic ${topic.name}`)
  }
  return left
}
