import { alterConfigs } from '../../shared/service/alter-configs.ts'
import { electLeaders } from '../../shared/service/elect-leaders.ts'
import { decodeNode } from '../../shared/store/items/cluster-item.ts'
import { decodeHead } from '../../shared/store/items/head-item.ts'
import { ALL_NODES, CLUSTER_META, headKey } from '../../shared/store/keys.ts'
import type { Topic } from './clients.ts'
import type { Cluster, Environment } from './cluster.ts'

/** Something befalls the cluster every now and then; called between operations of clients, until `isOver`. */
export function startDisasters(cluster: Cluster, topic: Topic, isOver: () => boolean): void {
  const { configuration, scheduler, nodeStates, environments } = cluster
  const { disasters } = configuration
  const { random } = scheduler
  const anyNode = () => random.integer(0, cluster.nodes.size - 1)
  const anyone = (): Environment => scheduler.pick(environments as [Environment, ...Environment[]])
  let wiping = false

  const strike = () => {
    if (isOver()) return
    if (scheduler.chance(disasters.crash)) cluster.crash(anyone())
    if (scheduler.chance(disasters.freeze)) cluster.freeze(anyone(), random.integer(1000, 90_000))
    if (scheduler.chance(disasters.nodeFails)) trouble('fails')
    if (scheduler.chance(disasters.nodeHangs)) trouble('hangs')
    if (scheduler.chance(disasters.nodeCut)) cutOff(anyone(), anyNode())
    if (scheduler.chance(disasters.wipe) && !wiping) {
      wiping = true
      void wipe().finally(() => {
        wiping = false
      })
    }
    if (scheduler.chance(disasters.move)) preferred()
    if (scheduler.chance(disasters.minIsr)) changeMinIsr()
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

  /** One node at a time loses its data: the next only once every partition is whole again. Only then is nothing lost. */
  const wipe = async () => {
    if (configuration.minIsr < 2 || !(await isWhole(cluster, topic)) || isOver()) return
    cluster.wipe(anyNode())
    await new Promise<void>((resolve) => {
      const look = () => {
        if (isOver()) return resolve()
        void isWhole(cluster, topic).then((whole) => {
          if (whole) resolve()
          else scheduler.after(500, 'is it whole', look)
        })
      }
      scheduler.after(500, 'is it whole', look)
    })
  }

  const preferred = () => {
    const { deps } = anyone()
    cluster.count('preferred elections')
    const electionType = 0
    void electLeaders(deps, { electionType, topics: null }).catch(() => undefined)
  }

  const changeMinIsr = () => {
    const { deps } = anyone()
    const value = String(random.integer(configuration.minIsr, Math.min(2, configuration.replicationFactor)))
    const configs = [{ name: 'min.insync.replicas', configOperation: 0 as const, value }]
    const resources = [{ resourceType: 2, resourceName: topic.name, configs }]
    void alterConfigs(deps, { resources, validateOnly: false }).catch(() => undefined)
  }

  scheduler.after(random.integer(10, 150), 'disaster', strike)
}

/** Whether every replica of every partition is in sync, lacks nothing, and is on a bucket that is known as it is. */
export async function isWhole({ documents, nodes }: Cluster, topic: Topic): Promise<boolean> {
  const stored = await documents.list(CLUSTER_META.pk, { ...ALL_NODES, limit: 100, direction: 'ascending' })
  for (const [nodeId, { item }] of stored.entries()) {
    const { state, walkedTo, incarnationId } = decodeNode(item)
    const bytes = await nodes.get(nodeId)?.get('incarnation', undefined, new AbortController().signal)
    const found = bytes === undefined ? undefined : new TextDecoder().decode(bytes)
    if (state !== 'UP' || walkedTo !== undefined || found !== incarnationId) return false
  }
  for (let partition = 0; partition < topic.partitions; partition += 1) {
    const item = await documents.get(headKey(topic.topicId, partition), 'strong')
    const head = item === undefined ? undefined : decodeHead(item)
    if (head?.leader === undefined || head.isr.length < head.replicas.length) return false
    if (Object.keys(head.holeStart).length > 0) return false
  }
  return true
}
