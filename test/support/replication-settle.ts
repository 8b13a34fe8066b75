import { fence } from '../../shared/core/election.ts'
import type { Head } from '../../shared/core/head.ts'
import {
  changeIsr,
  fillHole,
  joinReplica,
  replaceReplica,
  setMinIsr,
} from '../../shared/core/isr-commands.ts'
import { nextStep, type View } from '../../shared/core/reconcile.ts'
import { replicasToFill } from '../../shared/core/replica.ts'
import { newStorageNode } from '../../shared/core/storage-node.ts'
import type { UpdatePlan } from '../../shared/core/update-plan.ts'
import { deliver, elected } from './replication-deliver.ts'
import { copyMissing, isCurrent, type World } from './replication-world.ts'

/**
 * All nodes are well and nothing else is under way: whoever controls the partition brings it to rest. Answers what is
 * broken by it or at the end of it.
 */
export function settle(world: World): readonly string[] {
  const broken: string[] = []
  for (let step = 0; step < 40; step++) {
    const next = nextStep(world.head, viewOf(world))
    if (next.step === 'settled') return [...broken, ...unsettled(world.head)]
    broken.push(...carryOut(world, next))
  }
  return [...broken, `never settles: ${nextStep(world.head, viewOf(world)).step}`]
}

function carryOut(world: World, next: ReturnType<typeof nextStep>): readonly string[] {
  const { head, nowMs } = world
  const run = (plan: UpdatePlan) =>
    deliver(world, { name: next.step, plan, unclean: false, resent: true, put: undefined })
  switch (next.step) {
    case 'fence':
      return run(fence(head, nowMs))
    case 'replace':
      return run(replaceReplica(head, next.lost, next.successor, nowMs))
    case 'elect': {
      const command = elected(world, (replica) => isCurrent(world, replica), true)
      return command === undefined ? ['nobody is elected'] : deliver(world, command)
    }
    case 'settleMinIsr':
      return run(setMinIsr(head, next.minIsr, nowMs))
    case 'shrink':
      return run(changeIsr(head, next.leaving, nowMs))
    case 'join':
      return run(joinReplica(head, next.replica, nowMs))
    case 'catchUp':
      return replicasToFill(head).flatMap((replica) => {
        const filledTo = copyMissing(world, world.head, { replica, maxBatches: 100 }) ?? 0
        const plan = fillHole(world.head, replica, filledTo)
        return deliver(world, { name: 'fill', plan, unclean: false, resent: true, put: undefined })
      })
    default:
      return [`nothing is done about: ${next.step}`]
  }
}

function viewOf(world: World): View {
  const nodes = world.buckets.map(({ incarnation }, nodeId) => {
    const node = { ...newStorageNode({ zone: `z${nodeId}`, incarnationId: `i${incarnation}` }), incarnation }
    return [nodeId, node] as const
  })
  const terms = { maxLagMs: 10_000, uncleanAllowed: true, minIsr: world.head.replicas.length }
  return { nodes: new Map(nodes), nowMs: world.nowMs, ...terms }
}

function unsettled(head: Head): readonly string[] {
  const isWhole =
    head.isr.length === head.replicas.length &&
    head.highWatermark === head.logEndOffset &&
    Object.keys(head.holeStart).length === 0
  return isWhole
    ? []
    : [`settled as isr=${head.isr} high watermark=${head.highWatermark}/${head.logEndOffset}`]
}
