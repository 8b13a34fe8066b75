import type { DescribeClusterResponse, NodeDescription } from '../shared/protocol/api/cluster.ts'
import { namedValues, table } from './table.ts'

/** The storage nodes as a table. */
export function nodesText(nodes: readonly NodeDescription[]): string {
  const heading = ['NODE', 'ZONE', 'STATE', 'INCARNATION', 'EPOCH', 'HOLD-DOWN-UNTIL']
  const rows = nodes.map((node) => [
    `${node.nodeId}`,
    node.zone,
    node.state,
    `${node.incarnation}`,
    `${node.nodeEpoch}`,
    node.holdDownUntilMs > 0 ? new Date(node.holdDownUntilMs).toISOString() : '-',
  ])
  return table(heading, rows)
}

/** The cluster in a line, then its nodes. */
export function clusterText(cluster: DescribeClusterResponse): string {
  const { clusterId, apiVersion, features, controller, nodes } = cluster
  const line = namedValues({
    ClusterId: clusterId,
    ApiVersion: apiVersion,
    Features: features.join(',') || 'none',
    Controller: controller?.holder ?? 'none',
    ControllerEpoch: controller?.epoch ?? 'none',
  })
  return `${line}\n${nodesText(nodes)}`
}
