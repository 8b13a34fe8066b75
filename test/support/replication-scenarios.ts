import type { ReplicationReport, Stage } from './replication-stage.ts'
import { longAbsence, wipedWhileJoining } from './scenario-catch-up.ts'
import { faultCycle } from './scenario-fault-cycle.ts'
import { killedInElection } from './scenario-killed-election.ts'
import { onlyCopyIsLost } from './scenario-lost-copy.ts'
import { twoNodesFail } from './scenario-two-nodes.ts'

/** How much of a scenario is run: what a test has time for, or what somebody waits for. */
export interface Scale {
  /** Nodes that fail, hang and lose their data in turn. */
  readonly nodes: readonly number[]
  /** Appends while a node is away, before it comes back; or before it comes back and is wiped. */
  readonly absentAppends: number
  readonly wipedAppends: number
  /** How long after a node was seen to be down the service is killed, once each. */
  readonly killDelaysMs: readonly number[]
}

/** By hand; over the emulators of AWS an append takes some ten times as long. */
export const BY_HAND: Readonly<Record<'embedded' | 'aws', Scale>> = {
  embedded: {
    nodes: [0, 1, 2],
    absentAppends: 50_000,
    wipedAppends: 5000,
    killDelaysMs: [0, 2, 4, 6, 8, 10, 12, 15, 20, 25],
  },
  aws: { nodes: [0, 1, 2], absentAppends: 2000, wipedAppends: 500, killDelaysMs: [0, 10, 20, 50, 100] },
}

/** What may befall a replicated log, by name; each is to end with all that was acknowledged on three full replicas. */
export const SCENARIOS: Readonly<Record<string, (stage: Stage, scale: Scale) => Promise<ReplicationReport>>> =
  {
    cycle: faultCycle,
    'two-at-once': (stage) => twoNodesFail(stage, { apartMs: 0 }),
    'two-apart': (stage) => twoNodesFail(stage, { apartMs: 1000 }),
    'lost-copy': onlyCopyIsLost,
    'wiped-while-joining': (stage, { wipedAppends }) => wipedWhileJoining(stage, { appends: wipedAppends }),
    'long-absence': (stage, { absentAppends }) => longAbsence(stage, { appends: absentAppends }),
    'killed-in-election': (stage, { killDelaysMs }) => killedInElection(stage, { delaysMs: killDelaysMs }),
  }
