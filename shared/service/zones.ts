import type { Deps } from './deps.ts'
import { describeNodes } from './describe-cluster.ts'
import { rowOf } from './rows.ts'

const NONE: ReadonlySet<number> = new Set()

/**
 * The storage nodes in `zone`, of which none is known where no zone is given. Which node is where is remembered and read
 * again now and then; it only saves a reader the way to another zone, so a read that failed leaves what was known.
 */
export async function nodesInZone(deps: Deps, zone: string | undefined): Promise<ReadonlySet<number>> {
  if (zone === undefined) return NONE
  const { zones } = deps.caches
  const nowMs = deps.clock.nowMs()
  if (nowMs - zones.readAtMs >= deps.limits.zoneCacheMs) {
    zones.readAtMs = nowMs
    const nodes = await rowOf(deps, () => describeNodes(deps))
    if (!('errorName' in nodes)) zones.byNode = new Map(nodes.map((node) => [node.nodeId, node.zone]))
  }
  return new Set([...zones.byNode].filter(([, of]) => of === zone).map(([nodeId]) => nodeId))
}
