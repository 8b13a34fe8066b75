import { type BatchReference, packReference } from '../../shared/core/batch-reference.ts'
import { fence, moveLeader } from '../../shared/core/election.ts'
import {
  type Head,
  isCommitted,
  locateTail,
  nodeOf,
  replicaName,
  writeTargets,
} from '../../shared/core/head.ts'
import { append, trimTail } from '../../shared/core/head-commands.ts'
import {
  changeIsr,
  fillHole,
  joinReplica,
  replaceReplica,
  setMinIsr,
  settleDue,
} from '../../shared/core/isr-commands.ts'
import { producerKey, sequenceAfter, unpackProducerState } from '../../shared/core/producer-state.ts'
import type { UpdatePlan } from '../../shared/core/update-plan.ts'
import { deliver, elected } from './replication-deliver.ts'
import {
  bucketOf,
  type Command,
  copyMissing,
  isCurrent,
  newObjectId,
  putObject,
  type World,
  wipe,
} from './replication-world.ts'

/** How a batch's sequence stands to its producer: the head's next, what its client takes for the next, one of before, a new epoch. */
export type Standing = 'next' | 'own' | 'again' | 'bump'

/** Something that happens to a partition. Node ids are picked from `nodes`, bit by bit, where there may be several. */
export type Action =
  | {
      readonly does: 'append'
      readonly nodes: number
      readonly producerId: number | undefined
      readonly standing: Standing
      readonly recordCount: number
    }
  | { readonly does: 'shrink'; readonly nodes: number }
  | { readonly does: 'fill'; readonly node: number; readonly maxBatches: number }
  | { readonly does: 'join' | 'replace' | 'move'; readonly node: number }
  | { readonly does: 'wipe'; readonly node: number }
  | { readonly does: 'fence' }
  | { readonly does: 'elect'; readonly nodes: number }
  | { readonly does: 'setMinIsr'; readonly minIsr: number }
  | { readonly does: 'trim'; readonly count: number }
  | { readonly does: 'settle'; readonly done: boolean }
  /** A command that was under way arrives; or again, where it may be sent again. */
  | { readonly does: 'arrive'; readonly pick: number; readonly stays: boolean }
  /** An append that was refused is planned again from the head as it is, its object being where it was put. */
  | { readonly does: 'replan'; readonly pick: number }

/** Does what `action` says; a command arrives at once unless `late`. Answers what is broken by it. */
export function act(
  world: World,
  action: Action,
  { late, uncleanAllowed }: { readonly late: boolean; readonly uncleanAllowed: boolean },
): readonly string[] {
  if (action.does === 'wipe') {
    wipe(world, action.node)
    return []
  }
  if (action.does === 'arrive') {
    const [command] = world.underWay.splice(action.pick % Math.max(1, world.underWay.length), 1)
    if (command === undefined) return []
    if (action.stays && command.resent) world.underWay.push(command)
    return deliver(world, command)
  }
  const command = planned(world, action, uncleanAllowed)
  if (command === undefined) return []
  if (!late) return deliver(world, command)
  world.underWay.push(command)
  return []
}

type Planned = Exclude<Action, { does: 'wipe' | 'arrive' }>

/** The command of an action by the head as it is; undefined when there is nothing to do. */
function planned(world: World, action: Planned, uncleanAllowed: boolean): Command | undefined {
  const { head, nowMs } = world
  const command = (plan: UpdatePlan): Command => ({
    name: action.does,
    plan,
    unclean: false,
    resent: true,
    put: undefined,
  })
  switch (action.does) {
    case 'append':
      return putAndAppend(world, action)
    case 'replan':
      return replanned(world, action.pick)
    case 'shrink': {
      const leaving = writeTargets(head).filter(
        (replica) => replica !== head.leader && picks(action, replica),
      )
      return command(changeIsr(head, leaving, nowMs))
    }
    case 'fill': {
      const replica = replicaOf(head, action.node)
      const filledTo = copyMissing(world, head, { replica, maxBatches: action.maxBatches })
      return filledTo === undefined ? undefined : command(fillHole(head, replica, filledTo))
    }
    case 'join':
      return command(joinReplica(head, replicaOf(head, action.node), nowMs))
    case 'replace': {
      const lost = replicaOf(head, action.node)
      if (isCurrent(world, lost) || lost === head.leader) return undefined
      return command(replaceReplica(head, lost, currentName(world, lost), nowMs))
    }
    case 'fence':
      return command(fence(head, nowMs))
    case 'elect': {
      const isLive = (replica: string) => picks(action, replica) && isCurrent(world, replica)
      return elected(world, isLive, uncleanAllowed)
    }
    case 'move':
      return command(moveLeader(head, replicaOf(head, action.node)))
    case 'setMinIsr':
      return command(setMinIsr(head, action.minIsr, nowMs))
    case 'trim': {
      const below = locateTail(head).filter((batch) => isCommitted(head, batch))
      const paged = below.slice(0, action.count).map(({ reference }) => packReference(reference))
      return command(trimTail(head, paged))
    }
    case 'settle':
      return command(settleDue(head, action.done ? undefined : nowMs + 1000))
  }
}

function putAndAppend(world: World, action: Extract<Action, { does: 'append' }>): Command | undefined {
  const { head } = world
  const reference: BatchReference = {
    objectId: newObjectId(world),
    position: 0,
    length: 100,
    recordCount: action.recordCount,
    leaderEpoch: head.leaderEpoch,
    maxTimestamp: 5,
    sequence: action.producerId === undefined ? undefined : sequenceOf(world, action.producerId, action),
  }
  const reached = writeTargets(head).filter((replica) => replica === head.leader || picks(action, replica))
  putObject(world, reference.objectId, reached)
  return appendOf(world, { reference, reached })
}

/** What was put under the old names of replicas counts under these only. The leader's copy is a must. */
function replanned(world: World, pick: number): Command | undefined {
  const { head } = world
  const puts = world.underWay.filter(({ put }) => put !== undefined)
  const command = puts[pick % Math.max(1, puts.length)]
  if (command?.put === undefined || head.leader === undefined) return undefined
  // The first try must be over, or both could be applied.
  if (!command.resent) world.underWay.splice(world.underWay.indexOf(command), 1)
  const { reference, reached } = command.put
  if (!reached.includes(head.leader)) putObject(world, reference.objectId, [head.leader])
  return appendOf(world, {
    reference: { ...reference, leaderEpoch: head.leaderEpoch },
    reached: [...reached, head.leader],
  })
}

function appendOf({ head, nowMs }: World, put: NonNullable<Command['put']>): Command | undefined {
  const { sequence } = put.reference
  // Nobody leaves the head here: who is not in it has no document either, and begins with 0.
  const isUnknown = sequence !== undefined && head.producers[producerKey(sequence.producerId)] === undefined
  if (isUnknown && sequence.baseSequence !== 0) return undefined
  const plan = append({
    head,
    missed: writeTargets(head).filter((replica) => !put.reached.includes(replica)),
    nowMs,
    reference: put.reference,
    dueAtMs: nowMs + 3_600_000,
    maxTailEntries: 12,
    maxHeadProducers: 3,
  })
  // Only a sequence keeps an append from being applied twice.
  return { name: 'append', plan, unclean: false, resent: put.reference.sequence !== undefined, put }
}

function sequenceOf(
  world: World,
  producerId: number,
  { standing }: { readonly standing: Standing },
): BatchReference['sequence'] {
  const stored = world.head.producers[producerKey(producerId)]
  const { producerEpoch, nextSequence } =
    stored === undefined ? { producerEpoch: 0, nextSequence: 0 } : unpackProducerState(stored)
  const own = [...world.appended.values()].filter(
    (batch) => batch.reference.sequence?.producerId === producerId,
  )
  const last = own.at(-1)?.reference
  switch (standing) {
    case 'next':
      return { producerId, producerEpoch, baseSequence: nextSequence }
    case 'own':
      return last?.sequence === undefined
        ? { producerId, producerEpoch, baseSequence: 0 }
        : { ...last.sequence, baseSequence: sequenceAfter(last.sequence.baseSequence, last.recordCount) }
    case 'again':
      return own[world.objects % Math.max(1, own.length)]?.reference.sequence ?? last?.sequence
    case 'bump':
      return { producerId, producerEpoch: producerEpoch + 1, baseSequence: 0 }
  }
}

function replicaOf(head: Head, nodeId: number): string {
  return head.replicas[nodeId] ?? ''
}

function currentName(world: World, replica: string): string {
  return replicaName(nodeOf(replica), bucketOf(world, replica).incarnation)
}

function picks({ nodes }: { readonly nodes: number }, replica: string): boolean {
  return ((nodes >> nodeOf(replica)) & 1) === 1
}
