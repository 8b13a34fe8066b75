import { mustHold } from '../../shared/core/fetch-plan.ts'
import { type LocatedBatch, nodeOf, validBatches } from '../../shared/core/head.ts'
import { walKey } from '../../shared/core/wal-object.ts'
import { decodePage } from '../../shared/store/items/page-item.ts'
import { partitionPk } from '../../shared/store/keys.ts'
import type { ObjectStore } from '../../shared/store/object-store.ts'
import type { MemoryDocuments } from './memory-documents.ts'
import { headOf, storedTopics } from './topics.ts'

/** One object of a storage node that is gone or damaged, while the rest of its bucket is as it was. */
interface LostObject {
  readonly nodeId: number
  readonly key: string
  readonly how: 'gone' | 'damaged'
  /** Whether somebody asked for it since `forgetMet`. */
  isMet: boolean
}

/** Single objects that storage nodes lost: kept beneath, so that what looks behind all faults sees what was stored. */
export interface LostObjects {
  /** The node as processes see it. */
  seen(nodeId: number, store: ObjectStore): ObjectStore
  lose(lost: Pick<LostObject, 'nodeId' | 'key' | 'how'>): void
  /** It is as it was; nobody had to do anything. */
  found(nodeId: number, key: string): void
  /** The node lost everything. */
  wiped(nodeId: number): void
  forgetMet(): void
  all(): readonly LostObject[]
}

export function newLostObjects(count: (what: string) => void): LostObjects {
  const lost = new Map<string, LostObject>()
  const nodeIds = new Map<string, number>()
  const nameOf = (nodeId: number, key: string) => `${nodeId}/${key}`
  const meet = (nodeId: number, key: string): LostObject | undefined => {
    const object = lost.get(nameOf(nodeId, key))
    if (object === undefined || object.isMet) return object
    object.isMet = true
    count('lost objects met')
    return object
  }
  const written = (nodeId: number, key: string) => {
    if (lost.delete(nameOf(nodeId, key))) count('lost objects back')
  }

  return {
    seen: (nodeId, store) => {
      nodeIds.set(store.location, nodeId)
      return {
        location: store.location,
        put: async (key, chunks, signal) => {
          await store.put(key, chunks, signal)
          written(nodeId, key)
        },
        putIfAbsent: (key, chunks, signal) => store.putIfAbsent(key, chunks, signal),
        get: async (key, range, signal) => {
          const how = meet(nodeId, key)?.how
          if (how === 'gone') return undefined
          const bytes = await store.get(key, range, signal)
          return bytes === undefined || how === undefined ? bytes : damaged(bytes)
        },
        copyFrom: async (location, key, signal) => {
          const source = nodeIds.get(location)
          const how = source === undefined ? undefined : meet(source, key)?.how
          if (how === 'gone') return false
          const isCopied = await store.copyFrom(location, key, signal)
          if (!isCopied) return false
          if (how === undefined) written(nodeId, key)
          else lost.set(nameOf(nodeId, key), { nodeId, key, how, isMet: false })
          return true
        },
      }
    },
    lose: (object) => {
      lost.set(nameOf(object.nodeId, object.key), { ...object, isMet: false })
      count(object.how === 'gone' ? 'lost objects' : 'damaged objects')
    },
    found: (nodeId, key) => {
      lost.delete(nameOf(nodeId, key))
    },
    wiped: (nodeId) => {
      for (const [name, object] of lost) if (object.nodeId === nodeId) lost.delete(name)
    },
    forgetMet: () => {
      for (const object of lost.values()) object.isMet = false
    },
    all: () => [...lost.values()],
  }
}

/** An object, and a node that must have it. */
export interface Copy {
  readonly nodeId: number
  readonly key: string
  readonly isLeader: boolean
}

/** What readers count on, wherever it must be by now. */
export function neededCopies(documents: MemoryDocuments): readonly Copy[] {
  return storedTopics(documents, { beingDeleted: false }).flatMap(({ topicId, partitions }) =>
    Array.from({ length: partitions }, (_, partition) => copiesOf(documents, topicId, partition)).flat(),
  )
}

function copiesOf(documents: MemoryDocuments, topicId: string, partition: number): readonly Copy[] {
  const head = headOf(documents, topicId, partition)
  if (head === undefined) return []
  const pages = documents
    .all(partitionPk(topicId, partition))
    .flatMap(({ key, item }) => (key.sk.startsWith('PAGE#') ? [decodePage(item).entries] : []))
  const committed = [...pages, head.tail]
    .flatMap((entries): readonly LocatedBatch[] => validBatches(entries, head.lineage))
    .filter(({ endOffset }) => endOffset <= head.highWatermark)
  return committed.flatMap((batch) =>
    head.replicas.flatMap((replica) =>
      mustHold(head, replica, batch)
        ? [
            {
              nodeId: nodeOf(replica),
              key: walKey(batch.reference.objectId),
              isLeader: replica === head.leader,
            },
          ]
        : [],
    ),
  )
}

/** One bit of it is another one: in the middle, where the records are. */
function damaged(bytes: Uint8Array): Uint8Array {
  const middle = bytes.length >>> 1
  return bytes.with(middle, (bytes[middle] ?? 0) ^ 1)
}
