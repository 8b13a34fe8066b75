import type { Environment } from './cluster.ts'
import { type Company, NO_ANSWER, orThrown } from './company.ts'
import type { Position } from './consumer.ts'
import type { GroupsConfiguration } from './group-configuration.ts'
import type { GroupHistory } from './group-history.ts'
import type { Topic } from './topics.ts'

/** What all members and operators of a run's groups have in common. */
export interface Groups {
  readonly company: Company
  readonly configuration: GroupsConfiguration
  readonly history: GroupHistory
  /** Those that are members, or want to be. */
  readonly lives: Set<Life>
  /** How far each group read each key from 0 on, by `${group}/${key}`. */
  readonly readTo: Map<string, number>
  /** Notes what must not be. */
  say(anomaly: string): void
  /** Nothing befalls anybody any more. */
  isOver(): boolean
  /** When that began, in events. */
  readonly overAt: number
  /** Members are to end. */
  isStopped(): boolean
  newToken(): string
  /** A static member comes back beside its former self. */
  double(life: Life): void
}

/** A partition that a member was assigned. */
export interface Owned {
  readonly name: string
  readonly partition: number
  /** Undefined until it was looked up. */
  topic: Topic | undefined
  /** Undefined until it was asked where the group committed. */
  position: Position | undefined
  /** Of the history of polls. */
  process: string
  /** When a commit of it was taken last, in events; −1 before the first. */
  committedAt: number
}

/** A member's process, from its start to its end. */
export interface Life {
  readonly group: string
  /** Name of a static member. */
  readonly instance: string | null
  readonly topics: readonly string[]
  readonly assignors: readonly string[]
  readonly isCooperative: boolean
  memberId: string
  /** −1 while it is no member. */
  generationId: number
  /** By place. */
  owned: Map<string, Owned>
  /** The generation in which it was assigned that; −1 before the first. */
  ownedIn: number
  /** What it was assigned in `generationId`, which an eager member drops before it joins. */
  assigned: ReadonlyMap<string, readonly number[]>
  /** Of the leader: how many partitions there were when it assigned; undefined where it did not. */
  counts: ReadonlyMap<string, number> | undefined
  isLeader: boolean
  /** Generation in which it assigned last; −1 before that. */
  assignedIn: number
  /** A heartbeat or a commit said so. */
  mustJoin: boolean
  frozenUntilMs: number
  end: 'crashed' | 'left' | 'fenced' | 'stopped' | undefined
}

/** Thrown through all that a process had begun when it ends. */
export class LifeEnded extends Error {
  override readonly name = 'LifeEnded'
}

/** Ends a process. */
export function endLife({ company }: Groups, life: Life, how: NonNullable<Life['end']>): LifeEnded {
  life.end ??= how
  company.cluster.count(`group: member ${how}`)
  return new LifeEnded(how)
}

/** The longest a member waits for one try: its session must not end meanwhile. */
const MEMBER_TIMEOUT_MS = 4000

/**
 * A call of a member, before and after which something may befall it. An answer with `thrown` is the error of the whole
 * request.
 */
export async function callAs<T>(
  groups: Groups,
  life: Life,
  what: string,
  run: (deps: Environment['deps']) => Promise<T>,
  timeoutMs = MEMBER_TIMEOUT_MS,
) {
  await strike(groups, life)
  const name = `${what} ${life.group} ${life.memberId}`
  const answer = await orThrown(() => groups.company.ask(name, run, timeoutMs))
  await thaw(groups, life)
  return answer === NO_ANSWER ? NO_ANSWER : answer
}

/** Ends or freezes the process, as the seed has it. */
async function strike(groups: Groups, life: Life): Promise<void> {
  const { company, configuration, isOver } = groups
  const { scheduler, count } = company.cluster
  await thaw(groups, life)
  if (isOver()) return
  if (scheduler.chance(configuration.crash)) throw endLife(groups, life, 'crashed')
  if (!scheduler.chance(configuration.freeze)) return
  const { sessionTimeoutMs } = configuration
  const ms = scheduler.random.integer(Math.round(sessionTimeoutMs / 2), sessionTimeoutMs * 3)
  life.frozenUntilMs = scheduler.nowMs() + ms
  count('group: member frozen')
  if (life.instance !== null && scheduler.chance(configuration.doubles)) groups.double(life)
  await thaw(groups, life)
}

/** Resolves once the process is not frozen; it may have ended meanwhile. */
async function thaw({ company }: Groups, life: Life): Promise<void> {
  for (;;) {
    if (life.end !== undefined) throw new LifeEnded(life.end)
    const leftMs = life.frozenUntilMs - company.cluster.scheduler.nowMs()
    if (leftMs <= 0) return
    await company.pause(leftMs)
  }
}

/** `${topic}/${partition}` */
export const placeOf = (name: string, partition: number): string => `${name}/${partition}`
