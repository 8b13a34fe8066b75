import type { DescribeClusterResponse, NodeDescription } from '../shared/protocol/api/cluster.ts'
import { namedValues, table } from './table.ts'

/** The storage nodes as a table; a hold-down that is over by `nowMs` is none. */
export function nodesText(nodes: readonly NodeDescription[], nowMs: number): string {
  const heading = ['NODE', 'ZONE', 'STATE', 'INCARNATION', 'EPOCH', 'HOLD-DOWN-UNTIL']
  const rows = nodes.map((node) => [
    `${node.nodeId}`,
    node.zone,
    node.state,
    `${node.incarnation}`,
    `${node.nodeEpoch}`,
    node.holdDownUntilMs > nowMs ? new Date(node.holdDownUntilMs).toISOString() : '-',
  ])
  return table(heading, rows)
}

/** The cluster in a line, then its nodes. */
export function clusterText(cluster: DescribeClusterResponse, nowMs: number): string {
  const { clusterId, apiVersion, features, controller, nodes } = cluster
  const line = namedValues({
    ClusterId: clusterId,
    ApiVersion: apiVersion,
    Features: features.join(',') || 'none',
    Controller: controller?.holder ?? 'none',
    ControllerEpoch: controller?.epoch ?? 'none',
  })
  return `${line}\n${nodesText(nodes, nowMs)}`
}
