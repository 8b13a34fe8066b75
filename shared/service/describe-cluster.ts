import {
  API_VERSION,
  type DescribeClusterResponse,
  FEATURES,
  type NodeDescription,
} from '../protocol/api/cluster.ts'
import { decodeLease } from '../store/items/cluster-item.ts'
import { CONTROLLER } from '../store/keys.ts'
import type { Deps } from './deps.ts'
import { readNodes } from './nodes.ts'

/** The cluster, its storage nodes and who controls it (Kafka's DescribeCluster). */
export async function describeCluster(deps: Deps): Promise<DescribeClusterResponse> {
  const [controller, nodes] = await Promise.all([describeController(deps), describeNodes(deps)])
  return { clusterId: deps.clusterId, apiVersion: API_VERSION, features: FEATURES, controller, nodes }
}

/** Every storage node, by id. */
export async function describeNodes(deps: Deps): Promise<readonly NodeDescription[]> {
  const nodes = await readNodes(deps)
  return [...nodes].map(([nodeId, { zone, incarnation, state, nodeEpoch, holdDownUntilMs }]) => {
    return { nodeId, zone, incarnation, state, nodeEpoch, holdDownUntilMs }
  })
}

/** The last holder of the lease, which may be over; none before anything needed a controller. */
async function describeController(deps: Deps): Promise<DescribeClusterResponse['controller']> {
  const item = await deps.documents.get(CONTROLLER, 'strong')
  if (item === undefined) return null
  const { holder, controllerEpoch: epoch, expiresAtMs } = decodeLease(item)
  return { holder, epoch, expiresAtMs }
}
