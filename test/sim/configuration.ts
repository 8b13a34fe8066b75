import type { Limits } from '../../shared/protocol/limits.ts'
import type { SeededRandom } from '../support/seeded-random.ts'

/** How often a call has a fault: one in so many, 0 for never. */
export interface FaultRates {
  readonly slow: number
  readonly readFails: number
  readonly requestLost: number
  readonly answerLost: number
  readonly lateApply: number
  readonly throttled: number
  readonly appliedTwice: number
  readonly staleRead: number
  readonly objectLost: number
  readonly corrupt: number
  /** Of hints to do something in the background. */
  readonly taskLost: number
  readonly taskDoubled: number
}

/** What befalls processes and storage nodes, and how often: one in so many client operations, 0 for never. */
export interface DisasterRates {
  readonly crash: number
  readonly freeze: number
  readonly nodeFails: number
  readonly nodeHangs: number
  readonly nodeCut: number
  readonly wipe: number
  readonly move: number
  readonly minIsr: number
}

/** Everything that a seed decides before its run begins. */
export interface Configuration {
  readonly seed: number
  readonly partitions: number
  readonly replicationFactor: number
  readonly minIsr: number
  readonly unclean: boolean
  readonly environments: number
  readonly producers: number
  readonly consumers: number
  /** Client operations of the safety phase. */
  readonly operations: number
  readonly tickMs: number
  /** Clocks of processes are off by up to so much. */
  readonly skewMs: number
  readonly rates: FaultRates
  readonly disasters: DisasterRates
  readonly limits: Partial<Limits>
}

/** Draws which faults, workloads and sizes are on. */
export function drawConfiguration(seed: number, random: SeededRandom): Configuration {
  const maybe = (...oneIn: readonly [number, ...number[]]) =>
    random.integer(0, 1) === 0 ? 0 : (oneIn[random.integer(0, oneIn.length - 1)] ?? 0)
  const of = <T>(...values: readonly [T, ...T[]]) => values[random.integer(0, values.length - 1)] ?? values[0]
  const unclean = random.integer(1, 6) === 1
  return {
    seed,
    partitions: of(1, 1, 2),
    replicationFactor: of(3, 3, 3, 2),
    minIsr: of(2, 2, 2, 1),
    unclean,
    environments: of(2, 3),
    producers: random.integer(2, 4),
    consumers: random.integer(1, 2),
    operations: random.integer(200, 320),
    tickMs: of(1000, 5000, 20_000),
    skewMs: of(0, 100, 3000),
    rates: {
      slow: maybe(10, 40),
      readFails: maybe(100, 400),
      requestLost: maybe(60, 250),
      answerLost: maybe(60, 250),
      lateApply: maybe(120, 400),
      throttled: maybe(60, 250),
      appliedTwice: maybe(60, 250),
      staleRead: maybe(3, 10),
      objectLost: maybe(60, 250),
      corrupt: maybe(40, 200),
      taskLost: maybe(2, 5),
      taskDoubled: maybe(2, 5),
    },
    disasters: {
      crash: maybe(15, 40),
      freeze: maybe(15, 40),
      nodeFails: of(20, 35, 60),
      nodeHangs: maybe(30, 60),
      nodeCut: maybe(40, 80),
      wipe: maybe(40, 80),
      move: maybe(40, 80),
      minIsr: maybe(80),
    },
    limits: {
      pageEntries: of(1, 2, 3, 8),
      maxTailEntries: of(4, 8, 64),
      maxHeadProducers: of(2, 3, 32),
      walkTopics: of(1, 20),
      catchUpObjects: of(3, 50, 100_000),
      gapCopyObjects: of(1, 16),
      listPage: of(2, 5, 100),
      maxPageWalk: of(1, 2, 16),
      maxDuplicatePages: of(16, 64),
      dueDocuments: of(1, 100),
      replicaLagMs: of(500, 10_000),
    },
  }
}
