import {
  claimNode,
  dismissReports,
  freshReporters,
  isBelievedDown,
  nodeCameUp,
  nodeLostData,
  nodeWentDown,
  type StorageNode,
  staleReporters,
} from '../core/storage-node.ts'
import type { UpdatePlan } from '../core/update-plan.ts'
import { assert, KafkaError } from '../protocol/kafka-error.ts'
import { decodeNode } from '../store/items/cluster-item.ts'
import { CANARY_OBJECT, nodeKey } from '../store/keys.ts'
import { concurrently } from './concurrent.ts'
import { type Control, unlessFenced } from './control.ts'
import type { Deps } from './deps.ts'
import { nameBucket, readIncarnation } from './incarnation.ts'
import { readNodes } from './nodes.ts'

/** A new controller writes to every node document first: an older one that wakes up can change none from then on. */
export async function claimNodes(control: Control): Promise<void> {
  const { deps, controllerEpoch } = control
  const nodes = await readNodes(deps)
  await concurrently([...nodes.keys()], nodes.size, (nodeId) =>
    changeNode(control, nodeId, claimNode(controllerEpoch)),
  )
}

/** Looks at every storage node, and writes down what changed. */
export async function probeNodes(control: Control): Promise<void> {
  const { nodes } = control
  await concurrently([...nodes.keys()], nodes.size, (nodeId) => probeNode(control, nodeId))
}

/**
 * Looks at one storage node. One that cannot be reached is DOWN, and so is one that several environments could not
 * reach; one with another bucket than before is RECOVERING until every head knows; one that answers again is UP.
 */
export async function probeNode(control: Control, nodeId: number): Promise<void> {
  const { deps, controllerEpoch } = control
  const node = control.nodes.get(nodeId)
  assert(node !== undefined, `storage node has no document node=${nodeId}`)
  const nowMs = deps.clock.nowMs()
  const found = await nameIfEmpty(deps, nodeId, await look(deps, nodeId, node))
  if (found === 'unreachable' || (node.state === 'UP' && isBelievedDown(node, nowMs))) {
    if (node.state === 'DOWN') return
    deps.log.warn('storage node is down', {
      node: nodeId,
      reached: found !== 'unreachable',
      reports: Object.keys(node.reports).length,
    })
    await changeNode(control, nodeId, nodeWentDown(node, controllerEpoch, nowMs))
  } else if (found.incarnationId !== node.incarnationId) {
    const { incarnationId } = found
    deps.log.warn('storage node has another bucket', { node: nodeId, was: node.incarnationId, incarnationId })
    await changeNode(control, nodeId, nodeLostData(node, controllerEpoch, incarnationId))
  } else if (node.state === 'DOWN') {
    deps.log.warn('storage node is up', { node: nodeId, holdDownUntilMs: node.holdDownUntilMs })
    await changeNode(control, nodeId, nodeCameUp(node, controllerEpoch))
  } else {
    const stale = staleReporters(node, nowMs)
    if (stale.length > 0) await changeNode(control, nodeId, dismissReports(node, controllerEpoch, stale))
  }
}

/** Every topic knows the bucket that a RECOVERING node has now: it is UP. */
export async function endRecovery(control: Control, nodeId: number, node: StorageNode): Promise<void> {
  await changeNode(control, nodeId, nodeCameUp(node, control.controllerEpoch))
}

/**
 * Carries out a plan on a node's document, and keeps the node as it is then.
 *
 * @throws KafkaError NOT_CONTROLLER when a newer controller wrote there
 */
export async function changeNode(control: Control, nodeId: number, plan: UpdatePlan): Promise<void> {
  const verdict = await control.deps.documents.update(nodeKey(nodeId), plan)
  const item = unlessFenced(control, verdict)
  control.nodes.set(nodeId, decodeNode(item))
}

/** Whether every node answers and has the bucket it is known by; writes nothing. */
export async function allNodesAnswer(deps: Deps, nodes: ReadonlyMap<number, StorageNode>): Promise<boolean> {
  const looks = await Promise.all(
    [...nodes].map(async ([nodeId, node]) => {
      const found = await look(deps, nodeId, node)
      return typeof found === 'object' && found.incarnationId === node.incarnationId
    }),
  )
  return !looks.includes(false)
}

type Found = 'unreachable' | 'empty' | { readonly incarnationId: string }

/** Reads the object that names the bucket; to a node that is DOWN, or that somebody saw fail, a write is tried too. */
async function look(deps: Deps, nodeId: number, node: StorageNode): Promise<Found> {
  for (let tries = 1; ; tries += 1) {
    try {
      const incarnationId = await confirmedIncarnation(deps, nodeId, node)
      if (node.state === 'DOWN' || freshReporters(node, deps.clock.nowMs()).length > 0) {
        await putCanary(deps, nodeId)
      }
      return incarnationId === undefined ? 'empty' : { incarnationId }
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error
      if (tries >= deps.limits.probeTries) return 'unreachable'
    }
  }
}

/** What a bucket is called, read twice if it is not what it was: all that is on the node hangs on it. */
async function confirmedIncarnation(
  deps: Deps,
  nodeId: number,
  node: StorageNode,
): Promise<string | undefined> {
  const first = await readIncarnation(deps, nodeId)
  if (first === node.incarnationId) return first
  const second = await readIncarnation(deps, nodeId)
  if (second === first || second === node.incarnationId) return second
  throw new KafkaError('KAFKA_STORAGE_ERROR', `storage node names its bucket in two ways node=${nodeId}`)
}

async function putCanary(deps: Deps, nodeId: number): Promise<void> {
  const timeout = deps.clock.timeout(deps.limits.getTimeoutMs)
  try {
    await deps.nodes.get(nodeId)?.put(CANARY_OBJECT, [new TextEncoder().encode('canary')], timeout.signal)
  } finally {
    timeout.cancel()
  }
}

/** A bucket that cannot be given its name is of no use, like one that cannot be reached. */
async function nameIfEmpty(deps: Deps, nodeId: number, found: Found): Promise<Exclude<Found, 'empty'>> {
  if (found !== 'empty') return found
  try {
    return { incarnationId: await nameBucket(deps, nodeId) }
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    return 'unreachable'
  }
}
