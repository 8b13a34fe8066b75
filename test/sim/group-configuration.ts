import type { SeededRandom } from '../support/seeded-random.ts'

/** What a seed decides about its consumer groups. Rates are one in so many, 0 for never. */
export interface GroupsConfiguration {
  readonly names: readonly string[]
  /** Places for members in each group: whoever ends there makes room for the next one. */
  readonly slots: number
  /** One group in so many has no member any more in the end. */
  readonly abandoned: number
  /** One slot in so many has static members. */
  readonly statics: number
  /** Lists of assignors that members draw theirs from; one assignor is in all of them. */
  readonly assignors: readonly (readonly string[])[]
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly heartbeatMs: number
  /** The longest pause between two polls of a member. */
  readonly pollMs: number
  readonly initialDelayMs: number
  readonly retentionMinutes: number
  /** Polls after which a member commits all it has, and those after which it commits one partition by hand. */
  readonly autoCommit: number
  readonly handCommit: number
  /** What befalls a member at its calls. */
  readonly crash: number
  readonly freeze: number
  readonly leave: number
  /** Static members that come back while their former self is only frozen. */
  readonly doubles: number
  /** Members that go on under their old id for a while after they were told that it is gone. */
  readonly zombies: number
  /** The longest pause between two things that an operator does; 0 where there is none. */
  readonly operatorMs: number
  /** Of what the operator does to a group. */
  readonly deletes: number
  readonly resets: number
}

/** Members that differ in what they want have one of these in common. */
const ASSIGNORS: readonly (readonly (readonly string[])[])[] = [
  [['range']],
  [['roundrobin'], ['roundrobin', 'range']],
  [['sticky'], ['range', 'sticky']],
  [['cooperative-sticky']],
  [['cooperative-sticky']],
  // Halfway through a change of assignor.
  [['cooperative-sticky', 'range'], ['range']],
]

/** Draws the groups of a seed; undefined where there are none. */
export function drawGroups(random: SeededRandom, skewMs: number): GroupsConfiguration | undefined {
  const maybe = (...oneIn: readonly [number, ...number[]]) =>
    random.integer(0, 1) === 0 ? 0 : (oneIn[random.integer(0, oneIn.length - 1)] ?? 0)
  const of = <T>(...values: readonly [T, ...T[]]) => values[random.integer(0, values.length - 1)] ?? values[0]
  if (random.integer(0, 1) === 0) return undefined
  // Of two clocks that are off one takes a member for gone that the other one heard of just now.
  const sessionTimeoutMs = of(1000, 2000, 6000) + 2 * skewMs
  const assignors = ASSIGNORS[random.integer(0, ASSIGNORS.length - 1)] ?? [['range']]
  return {
    names: of(['g'], ['g'], ['g', 'h']),
    slots: of(1, 2, 3, 3, 4),
    abandoned: maybe(2),
    statics: of(0, 1, 2),
    assignors,
    sessionTimeoutMs,
    rebalanceTimeoutMs: of(1500, 4000) + 2 * skewMs,
    heartbeatMs: Math.round((sessionTimeoutMs - 2 * skewMs) / 3),
    pollMs: of(150, 500),
    initialDelayMs: of(0, 100, 1500),
    retentionMinutes: of(0.05, 10),
    autoCommit: of(1, 3),
    handCommit: maybe(4),
    crash: of(0, 40, 120),
    freeze: of(0, 30, 80),
    leave: of(0, 40, 120),
    doubles: of(0, 1, 2),
    zombies: of(0, 1, 2),
    operatorMs: of(0, 500, 1500),
    deletes: of(0, 2, 5),
    resets: of(0, 3),
  }
}
