import { decodeLease, decodeNode } from '../../shared/store/items/cluster-item.ts'
import { decodeHead } from '../../shared/store/items/head-item.ts'
import { decodeLoss } from '../../shared/store/items/loss-item.ts'
import { CONTROLLER, lossKey, partitionPk } from '../../shared/store/keys.ts'
import type { Cluster } from './cluster.ts'
import type { Topic } from './explore-actors.ts'
import { nameOfFixed } from './explore-names.ts'
import type { OnWrite } from './explore-ports.ts'
import type { Scenario } from './explore-scenario.ts'
import { type Contents, type ExploredStores, nameOfContents } from './explore-stores.ts'
import { checkStored } from './invariants.ts'
import { brokenInHead, brokenInHeadWrite } from './invariants-head.ts'
import { brokenInLease, brokenInNode, headsNotTold } from './invariants-nodes.ts'

/** Checks design's invariants after each write; what was checked once is not checked again. */
export interface Watch {
  readonly onWrite: OnWrite
  /** What is broken by the writes since it was asked last. */
  broken(contents: Contents): Promise<readonly string[]>
  /** Whether any of them took something from the log. */
  tookFromLog(): boolean
  /** Begins with what is stored of a topic. */
  begin(topic: Topic): void
}

interface Checked {
  readonly broken: readonly string[]
  readonly isShorter: boolean
}

export function newWatch(stores: ExploredStores, { unclean }: Scenario): Watch {
  const writes = new Map<string, Checked>()
  const checked = new Map<string, readonly string[]>()
  let pk: string | undefined
  let broken: readonly string[] = []
  let isHeadWritten = false
  let isShorter = false
  /** Nodes that a write took for UP. */
  let up: readonly string[] = []

  const lossOf = (headPk: string, leaderEpoch: number) => {
    const key = lossKey(headPk, leaderEpoch)
    const entry = stores.contents.documents.get(`${key.pk} ${key.sk}`)
    return entry === undefined ? undefined : decodeLoss(entry.item)
  }
  const check: (...write: Parameters<OnWrite>) => Checked = (key, before, after, plan) => {
    const fine = { broken: [], isShorter: false }
    if (after === undefined) return fine
    if (key.sk === 'HEAD') {
      const written = decodeHead(after)
      const broken = [...brokenInHead(written)]
      if (before === undefined) return { broken, isShorter: false }
      const was = decodeHead(before)
      const known = { unclean, isListed: true, loss: lossOf(key.pk, written.leaderEpoch) }
      broken.push(...brokenInHeadWrite({ pk: key.pk, before: was, after: written, plan }, known))
      return { broken, isShorter: written.logEndOffset < was.logEndOffset }
    }
    if (before === undefined) return fine
    if (key.sk.startsWith('NODE#')) {
      return { broken: brokenInNode(decodeNode(before), decodeNode(after)), isShorter: false }
    }
    if (key.pk !== CONTROLLER.pk || key.sk !== CONTROLLER.sk) return fine
    return { broken: brokenInLease(decodeLease(before), decodeLease(after)), isShorter: false }
  }
  const notTold = async (sk: string, contents: Contents) => {
    const item = [...contents.documents.values()].find(({ key }) => key.sk === sk)?.item
    if (item === undefined) return []
    const node = decodeNode(item)
    const nodeId = Number(sk.slice('NODE#'.length))
    return headsNotTold(stores.documents, { nodeId, node, wasThere: () => true })
  }
  return {
    onWrite: (...write) => {
      const [key, before, after, plan] = write
      if (pk === undefined) return
      const losses = [...stores.contents.documents.values()].filter((entry) =>
        entry.key.sk.startsWith('LOSS#'),
      )
      const parts = [before, after, plan, ...losses.map(({ item }) => item)]
      const name = `${key.pk} ${key.sk} ${parts.map(nameOfFixed).join()}`
      const known = writes.get(name) ?? check(...write)
      writes.set(name, known)
      broken = [...broken, ...known.broken]
      isHeadWritten ||= key.sk === 'HEAD'
      isShorter ||= known.isShorter
      if (key.sk.startsWith('NODE#') && before?.state !== 'UP' && after?.state === 'UP') up = [...up, key.sk]
    },
    broken: async (contents) => {
      const facts = [...broken]
      broken = []
      for (const sk of up) facts.push(...(await notTold(sk, contents)))
      up = []
      if (!isHeadWritten || pk === undefined) return facts
      isHeadWritten = false
      const name = nameOfContents(contents)
      const stored = checked.get(name) ?? (await checkStored(stores as unknown as Cluster, pk))
      checked.set(name, stored)
      return [...facts, ...stored]
    },
    tookFromLog: () => {
      const took = isShorter
      isShorter = false
      return took
    },
    begin: ({ topicId }) => {
      pk = partitionPk(topicId, 0)
    },
  }
}
