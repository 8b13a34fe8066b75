import { KafkaError } from '../protocol/kafka-error.ts'
import type { Deps } from './deps.ts'
import { describeNodes } from './describe-cluster.ts'

/**
 * Resolves when a produce with the cluster's defaults would work: its documents can be read and enough storage nodes
 * are up for min.insync.replicas.
 *
 * @throws KafkaError NOT_ENOUGH_REPLICAS when too few are
 */
export async function checkHealth(deps: Deps): Promise<void> {
  const nodes = await describeNodes(deps)
  const up = nodes.filter(({ state }) => state === 'UP').length
  const needed = Math.min(deps.configs['min.insync.replicas'], deps.configs['default.replication.factor'])
  if (up < needed) {
    throw new KafkaError('NOT_ENOUGH_REPLICAS', `too few storage nodes are up up=${up} needed=${needed}`)
  }
}
