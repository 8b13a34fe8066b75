import type { Limits } from '../../shared/protocol/limits.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { drawGroups, type GroupsConfiguration } from './group-configuration.ts'

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
  /** Of naming an empty bucket. */
  readonly putIfAbsentTwice: number
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
  /** A node loses its data right after one of its replicas was elected. */
  readonly wipeElected: number
  /** A node loses or damages one object, and keeps the rest. */
  readonly loseObject: number
  readonly move: number
  /** Elections that may lose data are asked for; only in seeds that are `unclean`. */
  readonly askUnclean: number
  readonly clockJump: number
  /** Of looks of the administrator at a topic. */
  readonly topicDelete: number
  readonly topicPartitions: number
  readonly topicConfigs: number
}

/** Everything that a seed decides before its run begins. */
export interface Configuration {
  readonly seed: number
  /** Names of topics. */
  readonly topics: readonly string[]
  /** Topics are deleted and made anew: their names alone do not say which one is meant. */
  readonly topicChanges: boolean
  /** Partitions that a topic is created with. */
  readonly partitions: number
  readonly replicationFactor: number
  readonly minIsr: number
  readonly unclean: boolean
  /** More nodes lose their data than what is acknowledged survives: loss is allowed, silence about it is not. */
  readonly wipesAll: boolean
  readonly environments: number
  readonly producers: number
  readonly consumers: number
  /** Batches of one partition that an idempotent producer with acks=all has on their way at once, at most. */
  readonly inFlight: number
  /** One in so many idempotent sends is sent again long after it ended. */
  readonly lateRetries: number
  /** One in so many sends is the last one of its producer id. */
  readonly producerRestarts: number
  /** Client operations of the safety phase, at least. */
  readonly operations: number
  /** How long that phase lasts at least. */
  readonly minMs: number
  /** Pauses of the clients that are in no group are so many times as long as usual. */
  readonly pace: number
  readonly tickMs: number
  /** Clocks of processes are off by up to so much. */
  readonly skewMs: number
  readonly rates: FaultRates
  readonly disasters: DisasterRates
  readonly limits: Partial<Limits>
  /** Undefined where nobody reads in groups. */
  readonly groups: GroupsConfiguration | undefined
}

/** Producers of a seed in which a head cannot keep all of them. */
export const MANY_PRODUCERS = 40

/** Draws which faults, workloads and sizes are on. */
export function drawConfiguration(seed: number, random: SeededRandom): Configuration {
  const maybe = (...oneIn: readonly [number, ...number[]]) =>
    random.integer(0, 1) === 0 ? 0 : (oneIn[random.integer(0, oneIn.length - 1)] ?? 0)
  const of = <T>(...values: readonly [T, ...T[]]) => values[random.integer(0, values.length - 1)] ?? values[0]
  const unclean = random.integer(1, 6) === 1
  const wipesAll = unclean && random.integer(1, 2) === 1
  const minIsr = of(2, 2, 2, 1)
  /** Many more producers than a head keeps. */
  const isCrowd = random.integer(1, 10) === 1
  const topicDelete = maybe(5, 15)
  const drawn = {
    seed,
    topics: isCrowd ? ['log'] : of(['log'], ['log'], ['log', 'more'], ['log', 'more', 'other']),
    topicChanges: topicDelete > 0,
    partitions: isCrowd ? 1 : of(1, 1, 2),
    replicationFactor: of(3, 3, 3, 2),
    minIsr,
    unclean,
    wipesAll,
    environments: of(2, 3),
    producers: isCrowd ? MANY_PRODUCERS : of(2, 3, 4, 12),
    consumers: random.integer(1, 2),
    inFlight: of(1, 1, 2, 5),
    lateRetries: maybe(3, 12),
    producerRestarts: maybe(5, 40),
    operations: random.integer(200, 320),
    tickMs: of(1000, 5000, 20_000),
    skewMs: of(0, 100, 3000, 6000),
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
      putIfAbsentTwice: maybe(2),
      taskLost: maybe(2, 5),
      taskDoubled: maybe(2, 5),
    },
    disasters: {
      crash: maybe(15, 40),
      freeze: maybe(15, 40),
      nodeFails: of(20, 35, 60),
      nodeHangs: maybe(30, 60),
      nodeCut: maybe(40, 80),
      wipe: wipesAll ? of(20, 60) : maybe(20, 60),
      wipeElected: maybe(2),
      loseObject: wipesAll || minIsr < 2 ? 0 : of(0, 20, 60),
      move: maybe(10, 60),
      askUnclean: unclean ? maybe(40) : 0,
      clockJump: maybe(20, 60),
      topicDelete,
      topicPartitions: maybe(6, 20),
      topicConfigs: maybe(4, 12),
    },
    limits: {
      pageEntries: of(1, 2, 3, 8),
      maxTailEntries: of(4, 8, 64),
      maxHeadProducers: isCrowd ? of(8, 32) : of(2, 3, 32),
      walkTopics: of(1, 20),
      catchUpObjects: of(3, 50, 100_000),
      gapCopyObjects: of(1, 16),
      listPage: of(1, 2, 5, 100),
      maxPageWalk: of(1, 2, 16),
      maxDuplicatePages: of(16, 64),
      dueDocuments: of(1, 2, 100),
      parallelDocuments: of(1, 2, 16),
      replicaLagMs: of(500, 10_000),
    },
  }
  const groups = drawGroups(random, drawn.skewMs)
  if (groups === undefined) return { ...drawn, groups, minMs: 0, pace: 1 }
  const limits = { ...drawn.limits, groupWaitMs: of(300, 2000) }
  return { ...drawn, groups, limits, minMs: groups.sessionTimeoutMs * 2 + of(15_000, 40_000), pace: 5 }
}
