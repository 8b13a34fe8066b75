import { electLeaders } from '../../shared/service/elect-leaders.ts'
import { decodeNode } from '../../shared/store/items/cluster-item.ts'
import { ALL_NODES, CLUSTER_META } from '../../shared/store/keys.ts'
import { type Cluster, type Environment, freezeMs } from './cluster.ts'
import { neededCopies } from './lost-objects.ts'
import { headOf, storedTopics } from './topics.ts'

/** Objects that are lost once nothing else fails any more. */
const LAST_LOSSES = 3

/** What befalls a cluster. */
interface Disasters {
  /** The node of a leader loses some more objects. To be called when all else is whole. */
  last(): void
}

/** Something befalls the cluster every now and then; called between operations of clients, until `isOver`. */
export function startDisasters(cluster: Cluster, isOver: () => boolean): Disasters {
  const { configuration, scheduler, nodeStates, environments } = cluster
  const { disasters } = configuration
  const { random } = scheduler
  const anyNode = () => random.integer(0, cluster.nodes.size - 1)
  const anyone = (): Environment => scheduler.pick(environments as [Environment, ...Environment[]])
  /** The one node whose data may be missing. */
  let wiped: number | undefined

  const strike = () => {
    if (isOver()) return
    if (scheduler.chance(disasters.crash)) cluster.crash(anyone())
    if (scheduler.chance(disasters.freeze)) cluster.freeze(anyone(), freezeMs(scheduler))
    if (scheduler.chance(disasters.clockJump)) cluster.clockJumps(anyone())
    if (scheduler.chance(disasters.nodeFails)) trouble('fails')
    if (scheduler.chance(disasters.nodeHangs)) trouble('hangs')
    if (scheduler.chance(disasters.nodeCut)) cutOff(anyone(), anyNode())
    if (scheduler.chance(disasters.wipe)) wipe(anyNode())
    if (scheduler.chance(disasters.wipeElected)) wipeElected()
    if (scheduler.chance(disasters.loseObject)) loseObject()
    if (scheduler.chance(disasters.move)) elect(0)
    if (scheduler.chance(disasters.askUnclean)) elect(1)
    scheduler.after(random.integer(10, 150), 'disaster', strike)
  }

  const trouble = (state: 'fails' | 'hangs') => {
    const nodeId = anyNode()
    nodeStates.set(nodeId, state)
    cluster.count(`node ${state}`)
    scheduler.after(random.integer(500, 25_000), `node ${nodeId} is well`, () => nodeStates.delete(nodeId))
  }

  const cutOff = (environment: Environment, nodeId: number) => {
    environment.cutOff.add(nodeId)
    cluster.count('node cut off from one')
    scheduler.after(random.integer(500, 10_000), 'node reached again', () =>
      environment.cutOff.delete(nodeId),
    )
  }

  /**
   * One node at a time loses its data, as often as it likes; another one only once every partition is whole again. Every
   * acknowledged record is on two nodes at least, so nothing is lost.
   */
  const wipe = (nodeId: number) => {
    if (configuration.wipesAll) {
      cluster.count('node wiped beyond the promise')
      cluster.wipe(nodeId)
      return
    }
    if (configuration.minIsr < 2 || (wiped !== undefined && wiped !== nodeId)) return
    cluster.wipe(nodeId)
    if (wiped !== undefined) {
      cluster.count('node wiped while it is filled')
      return
    }
    lacks(nodeId)
  }

  /** Until all is whole again, no other node may lose anything. */
  const lacks = (nodeId: number) => {
    wiped = nodeId
    const look = () => {
      if (isOver()) return
      void isWhole(cluster).then((whole) => {
        if (whole) wiped = undefined
        else scheduler.after(500, 'is it whole', look)
      })
    }
    scheduler.after(500, 'is it whole', look)
  }

  /** Most often one that readers ask for. What nobody misses for long is found again, so that other nodes have their turn. */
  const loseObject = () => {
    if (configuration.minIsr < 2) return
    const copies = neededCopies(cluster.documents).filter(({ nodeId }) => nodeId === (wiped ?? nodeId))
    const led = copies.filter(({ isLeader }) => isLeader)
    const [first, ...others] = led.length > 0 && !scheduler.chance(4) ? led : copies
    if (first === undefined) return
    const { nodeId, key } = scheduler.pick([first, ...others])
    cluster.lostObjects.lose({ nodeId, key, how: scheduler.chance(3) ? 'damaged' : 'gone' })
    if (wiped === undefined) lacks(nodeId)
    scheduler.after(random.integer(2000, 40_000), 'lost object is found', () => {
      if (!isOver()) cluster.lostObjects.found(nodeId, key)
    })
  }

  /** The node of a leader that was elected just now. */
  let seen = 0
  const wipeElected = () => {
    const elections = cluster.exercised.elections ?? 0
    if (elections === seen || (wiped !== undefined && scheduler.chance(2))) return
    seen = elections
    const leaders = storedTopics(cluster.documents, { beingDeleted: false }).flatMap(
      ({ topicId, partitions }) =>
        Array.from({ length: partitions }, (_, partition) => headOf(cluster.documents, topicId, partition)),
    )
    const latest = leaders
      .flatMap((head) => (head?.leader === undefined ? [] : [{ ...head, leader: head.leader }]))
      .sort((a, b) => b.leaderEpoch - a.leaderEpoch)[0]
    if (latest === undefined || configuration.minIsr < 2) return
    const nodeId = Number(latest.leader.split('.')[0])
    if (wiped !== undefined && wiped !== nodeId) return
    cluster.count('node wiped while it leads')
    wipe(nodeId)
  }

  const elect = (electionType: 0 | 1) => {
    cluster.count(electionType === 0 ? 'preferred elections' : 'unclean elections asked for')
    void electLeaders(anyone().deps, { electionType, topics: null }).catch(() => undefined)
  }

  scheduler.after(random.integer(10, 150), 'disaster', strike)
  return {
    last: () => {
      if (disasters.loseObject === 0) return
      const { lostObjects } = cluster
      const leaders = neededCopies(cluster.documents).filter(({ isLeader }) => isLeader)
      const [first, ...others] = leaders
      if (first === undefined) return
      const before = lostObjects.all().find((lost) => leaders.some(({ nodeId }) => nodeId === lost.nodeId))
      wiped = before?.nodeId ?? scheduler.pick([first, ...others]).nodeId
      for (const { nodeId, key } of lostObjects.all()) if (nodeId !== wiped) lostObjects.found(nodeId, key)
      for (let times = 0; times < LAST_LOSSES; times += 1) loseObject()
    },
  }
}

/** Whether every replica of every partition is in sync, lacks nothing, and is on a bucket that is known as it is. */
async function isWhole(cluster: Cluster): Promise<boolean> {
  return cluster.lostObjects.all().length === 0 && (await whatIsMissing(cluster)).length === 0
}

/** What has to be made good by itself: where nothing was ever appended a clock looks at no node, the first append does. */
export async function whatIsLeft(cluster: Cluster): Promise<readonly string[]> {
  const missing = await whatIsMissing(cluster)
  return hasRecords(cluster) ? missing : missing.filter((fact) => !fact.startsWith('node '))
}

function hasRecords({ documents }: Cluster): boolean {
  return storedTopics(documents, { beingDeleted: false }).some(({ topicId, partitions }) =>
    Array.from({ length: partitions }, (_, partition) => headOf(documents, topicId, partition)).some(
      (head) => head !== undefined && head.logEndOffset > 0,
    ),
  )
}

/** What keeps the cluster from being whole: a fact for each node and partition. */
async function whatIsMissing({ documents, nodes }: Cluster): Promise<readonly string[]> {
  const missing: string[] = []
  const stored = await documents.list(CLUSTER_META.pk, { ...ALL_NODES, limit: 100, direction: 'ascending' })
  for (const [nodeId, { item }] of stored.entries()) {
    const { state, walkedTo, incarnationId } = decodeNode(item)
    const bytes = await nodes.get(nodeId)?.get('incarnation', undefined, new AbortController().signal)
    const found = bytes === undefined ? undefined : new TextDecoder().decode(bytes)
    if (state === 'UP' && walkedTo === undefined && found === incarnationId) continue
    missing.push(`node ${nodeId} is not well ${JSON.stringify({ state, walkedTo, incarnationId, found })}`)
  }
  for (const { name, topicId, partitions } of storedTopics(documents, { beingDeleted: false })) {
    for (let partition = 0; partition < partitions; partition += 1) {
      const head = headOf(documents, topicId, partition)
      const { leader, isr = [], joining, replicas = [], holeStart = {}, holeEnd } = head ?? {}
      if (leader !== undefined && isr.length === replicas.length && Object.keys(holeStart).length === 0)
        continue
      const facts = JSON.stringify({ leader, isr, joining, replicas, holeStart, holeEnd })
      missing.push(`partition ${name}-${partition} (${topicId}) is not whole ${facts}`)
    }
  }
  return missing
}
