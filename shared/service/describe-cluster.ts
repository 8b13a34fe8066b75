import {
  API_VERSION,
  type DescribeClusterResponse,
  FEATURES,
  type NodeDescription,
} from '../protocol/api/cluster.ts'
import { decodeNode } from '../store/items/cluster-item.ts'
import { ALL_NODES, CLUSTER_META } from '../store/keys.ts'
import type { Deps } from './deps.ts'

/** The cluster, its storage nodes and who controls it (Kafka's DescribeCluster). */
export async function describeCluster(deps: Deps): Promise<DescribeClusterResponse> {
  return {
    clusterId: deps.clusterId,
    apiVersion: API_VERSION,
    features: FEATURES,
    controller: null,
    nodes: await describeNodes(deps),
  }
}

/** Every storage node, by id. */
export async function describeNodes(deps: Deps): Promise<readonly NodeDescription[]> {
  const query = { ...ALL_NODES, limit: deps.nodes.size, direction: 'ascending' } as const
  const entries = await deps.documents.list(CLUSTER_META.pk, query)
  return entries.map(({ item }, nodeId) => {
    const { zone, incarnation, state, nodeEpoch, holdDownUntilMs } = decodeNode(item)
    return { nodeId, zone, incarnation, state, nodeEpoch, holdDownUntilMs }
  })
}
