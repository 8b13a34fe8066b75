import {
  absent,
  anyOf,
  type Change,
  type Check,
  copyPlus,
  equal,
  fewer,
  greaterOrEqual,
  lessOrEqual,
  present,
  remove,
  set,
  type UpdatePlan,
} from './update-plan.ts'

/** Whether appends and elections count on a storage node; RECOVERING: its bucket is another one, and not every head knows yet. */
export type NodeState = 'UP' | 'DOWN' | 'RECOVERING'

/** A storage node: one bucket in one zone, and what the controller knows of it. */
export interface StorageNode {
  readonly zone: string
  readonly state: NodeState
  /** Which bucket it has: `incarnation` counts them, `incarnationId` is the ULID in the bucket's object `incarnation`. */
  readonly incarnation: number
  readonly incarnationId: string
  /** +1 with every change of which all topics are told: of state, of incarnation, and an operator's. */
  readonly nodeEpoch: number
  /** Epoch of the last controller that wrote here. */
  readonly controllerEpoch: number
  /** Until when replicas here may not join again, how long that was at the last time (0: never yet), and when the node went DOWN. */
  readonly holdDownUntilMs: number
  readonly holdDownMs: number
  readonly wentDownAtMs: number
  /** Who saw it fail, and when. */
  readonly reports: Readonly<Record<string, number>>
  /** Copies that are gone or damaged: by the key of the partition, the first offset that readers missed here. */
  readonly lost: Readonly<Record<string, number>>
  /** All topics up to this name were told of the last change; undefined once all were. */
  readonly walkedTo: string | undefined
}

const FIRST_HOLD_DOWN_MS = 10_000
const MAX_HOLD_DOWN_MS = 600_000
/** The hold-down halves with each such time without a failure. */
const QUIET_MS = 600_000
/** More reporters than are needed to believe them are not kept. */
const MAX_REPORTERS = 16
/** So many environments that saw a node fail outweigh one probe that did not: it may be cut off from them only. */
const REPORTERS_TO_BELIEVE = 3
const REPORT_AGE_MS = 30_000
/** Partitions with lost copies that a node's document lists; readers miss the others again. */
const MAX_LOST_PARTITIONS = 16

/** A node whose bucket was just registered. */
export function newStorageNode(registered: Pick<StorageNode, 'zone' | 'incarnationId'>): StorageNode {
  return {
    ...registered,
    state: 'UP',
    incarnation: 1,
    nodeEpoch: 0,
    controllerEpoch: 0,
    holdDownUntilMs: 0,
    holdDownMs: 0,
    wentDownAtMs: 0,
    reports: {},
    lost: {},
    walkedTo: undefined,
  }
}

/** Environments that saw the node fail within the last 30 s. */
export function freshReporters(node: StorageNode, nowMs: number): readonly string[] {
  return Object.keys(node.reports).filter((reporter) => nowMs - (node.reports[reporter] ?? 0) < REPORT_AGE_MS)
}

/** Environments that saw the node fail, but not lately. */
export function staleReporters(node: StorageNode, nowMs: number): readonly string[] {
  const fresh = freshReporters(node, nowMs)
  return Object.keys(node.reports).filter((reporter) => !fresh.includes(reporter))
}

/** Whether so many environments saw the node fail that a probe which reaches it proves nothing. */
export function isBelievedDown(node: StorageNode, nowMs: number): boolean {
  return freshReporters(node, nowMs).length >= REPORTERS_TO_BELIEVE
}

/** An environment saw the node fail. */
export function reportNode(reporter: string, nowMs: number): UpdatePlan {
  const own = ['reports', reporter]
  return {
    checks: [anyOf([present(own), fewer(['reports'], MAX_REPORTERS)])],
    changes: [set(own, nowMs)],
  }
}

/** A batch that the replica of this incarnation must have is gone there, or damaged. */
export interface LostCopy {
  readonly incarnation: number
  /** The key of the partition. */
  readonly pk: string
  readonly offset: number
}

/** A reader missed a copy that another replica has. The first offset of a partition is kept: what follows is copied anew. */
export function reportLoss({ incarnation, pk, offset }: LostCopy): UpdatePlan {
  const own = ['lost', pk]
  return {
    checks: [
      equal(['incarnation'], incarnation),
      anyOf([absent(own), greaterOrEqual(own, offset)]),
      anyOf([present(own), fewer(['lost'], MAX_LOST_PARTITIONS)]),
    ],
    changes: [set(own, offset)],
  }
}

/** The partition knows of the lost copy, or is no more. */
export function endLoss(node: StorageNode, controllerEpoch: number, pk: string): UpdatePlan {
  return {
    checks: [...writtenBy(node, controllerEpoch), equal(['lost', pk], node.lost[pk] ?? 0)],
    changes: [remove(['lost', pk]), set(['controllerEpoch'], controllerEpoch)],
  }
}

/** A new controller takes every node over, so that one that slept can change none any more. */
export function claimNode(controllerEpoch: number): UpdatePlan {
  return {
    checks: [lessOrEqual(['controllerEpoch'], controllerEpoch)],
    changes: [set(['controllerEpoch'], controllerEpoch)],
  }
}

/** The node cannot be reached. The hold-down doubles with each such time, and halves with each 10 quiet minutes between. */
export function nodeWentDown(node: StorageNode, controllerEpoch: number, nowMs: number): UpdatePlan {
  const holdDownMs = nextHoldDownMs(node, nowMs)
  return changeNode(node, controllerEpoch, [
    set(['state'], 'DOWN'),
    set(['holdDownMs'], holdDownMs),
    set(['holdDownUntilMs'], nowMs + holdDownMs),
    set(['wentDownAtMs'], nowMs),
    set(['reports'], {}),
  ])
}

/** The node answers, with the bucket it is known by; every head knows that bucket. */
export function nodeCameUp(node: StorageNode, controllerEpoch: number): UpdatePlan {
  return changeNode(node, controllerEpoch, [set(['state'], 'UP'), set(['reports'], {})])
}

/** The node's bucket was emptied or exchanged: all its replicas are other ones from now on. */
export function nodeLostData(node: StorageNode, controllerEpoch: number, incarnationId: string): UpdatePlan {
  return changeNode(node, controllerEpoch, [
    set(['state'], 'RECOVERING'),
    set(['incarnation'], node.incarnation + 1),
    set(['incarnationId'], incarnationId),
    set(['lost'], {}),
    set(['reports'], {}),
  ])
}

/** The topics up to `walkedTo` know of the last change, or all of them: undefined. */
export function nodeWalked(
  node: StorageNode,
  controllerEpoch: number,
  walkedTo: string | undefined,
): UpdatePlan {
  return {
    checks: writtenBy(node, controllerEpoch),
    changes: [
      walkedTo === undefined ? remove(['walkedTo']) : set(['walkedTo'], walkedTo),
      set(['controllerEpoch'], controllerEpoch),
    ],
  }
}

/** Reports go: old ones. A fresh one stays though the node was reached: it may be the first of those that outweigh that. */
export function dismissReports(
  node: StorageNode,
  controllerEpoch: number,
  reporters: readonly string[] = Object.keys(node.reports),
): UpdatePlan {
  return {
    checks: writtenBy(node, controllerEpoch),
    changes: [
      ...reporters.map((reporter) => remove(['reports', reporter])),
      set(['controllerEpoch'], controllerEpoch),
    ],
  }
}

/** An operator says that the node is fit again: its replicas may join at once, so all topics are told. */
export function endHoldDown(): UpdatePlan {
  return {
    checks: [present(['state'])],
    changes: [
      set(['holdDownUntilMs'], 0),
      set(['holdDownMs'], 0),
      copyPlus(['nodeEpoch'], ['nodeEpoch'], 1),
      set(['walkedTo'], ''),
    ],
  }
}

function changeNode(node: StorageNode, controllerEpoch: number, changes: readonly Change[]): UpdatePlan {
  return {
    checks: writtenBy(node, controllerEpoch),
    changes: [
      ...changes,
      set(['nodeEpoch'], node.nodeEpoch + 1),
      set(['controllerEpoch'], controllerEpoch),
      set(['walkedTo'], ''),
    ],
  }
}

function writtenBy(node: StorageNode, controllerEpoch: number): readonly Check[] {
  return [equal(['nodeEpoch'], node.nodeEpoch), lessOrEqual(['controllerEpoch'], controllerEpoch)]
}

function nextHoldDownMs({ holdDownMs, wentDownAtMs }: StorageNode, nowMs: number): number {
  // Another controller's clock may be behind.
  const halvings = Math.max(0, Math.floor((nowMs - wentDownAtMs) / QUIET_MS))
  const left = holdDownMs / 2 ** halvings
  return Math.min(Math.max(FIRST_HOLD_DOWN_MS, Math.floor(left * 2)), MAX_HOLD_DOWN_MS)
}
