import { MAX_FETCH_BYTES } from '../../shared/protocol/limits.ts'
import type { Assignor } from '../assignors/assignor.ts'
import { ASSIGNORS } from '../assignors/assignors.ts'
import { misuse } from './consumer-error.ts'
import type { RebalanceProtocol } from './rebalance-diff.ts'

/** Where to begin where no offset is committed, or it is outside the log (`auto.offset.reset`). */
export type StartFrom = 'earliest' | 'latest' | 'none'

/** Kafka's own assignors. */
export type AssignorName = 'range' | 'roundrobin' | 'sticky' | 'cooperative-sticky'

/** How a consumer reads; what is not said is Kafka's default, or as docs/sdk.md says. */
export interface ConsumerOptions {
  /** Without one there is nothing to subscribe as, and nothing is committed. */
  readonly groupId?: string
  /** Makes the member a static one (KIP-345): it keeps its partitions over a restart within the session time-out. */
  readonly groupInstanceId?: string
  readonly sessionTimeoutMs?: number
  readonly heartbeatIntervalMs?: number
  readonly rebalanceTimeoutMs?: number
  /** How partitions are shared out, the most wanted first; all members of a group have one in common. */
  readonly assignors?: readonly (AssignorName | Assignor)[]
  readonly isolation?: 'read_committed' | 'read_uncommitted'
  readonly startFrom?: StartFrom
  /** The most records that a handler of batches is given at once. */
  readonly maxPollRecords?: number
  /** How long one call of a handler may take, before the member leaves its group. */
  readonly maxPollIntervalMs?: number
  readonly fetchMaxWaitMs?: number
  readonly fetchMinBytes?: number
  readonly fetchMaxBytes?: number
  readonly maxPartitionFetchBytes?: number
  /** Partitions whose handlers run at the same time. */
  readonly partitionsConsumedConcurrently?: number
  /** Handlers of records that run at the same time within one partition: one at a time for each key. */
  readonly keyConcurrency?: number
  readonly metadataMaxAgeMs?: number
}

/** All of them, checked. */
export type ResolvedOptions = Required<Omit<ConsumerOptions, 'groupId' | 'groupInstanceId' | 'assignors'>> & {
  readonly groupId: string | undefined
  readonly groupInstanceId: string | undefined
  readonly assignors: readonly Assignor[]
  /** What all of its assignors support: COOPERATIVE if it can be, as in Kafka. */
  readonly rebalanceProtocol: RebalanceProtocol
}

const DEFAULTS = {
  groupId: undefined,
  groupInstanceId: undefined,
  sessionTimeoutMs: 45_000,
  heartbeatIntervalMs: 10_000,
  rebalanceTimeoutMs: 60_000,
  isolation: 'read_committed',
  startFrom: 'earliest',
  maxPollRecords: 500,
  maxPollIntervalMs: 300_000,
  fetchMaxWaitMs: 500,
  fetchMinBytes: 1,
  fetchMaxBytes: MAX_FETCH_BYTES,
  maxPartitionFetchBytes: 1_048_576,
  partitionsConsumedConcurrently: 1,
  keyConcurrency: 1,
  metadataMaxAgeMs: 300_000,
} as const

const DEFAULT_ASSIGNORS: readonly AssignorName[] = ['range', 'cooperative-sticky']

/**
 * The options with their defaults.
 *
 * @throws StratologError INVALID_REQUEST when there is no such option, or value, or the assignors have nothing in common
 */
export function resolveOptions(options: ConsumerOptions): ResolvedOptions {
  const { assignors: wanted = DEFAULT_ASSIGNORS, ...rest } = options
  const assignors = wanted.map(findAssignor)
  const protocols = (['COOPERATIVE', 'EAGER'] as const).filter((protocol) =>
    assignors.every(({ supportedProtocols }) => supportedProtocols.includes(protocol)),
  )
  const [rebalanceProtocol] = protocols
  if (assignors.length === 0 || rebalanceProtocol === undefined) {
    throw misuse(
      `assignors have no rebalance protocol in common assignors=${assignors.map(({ name }) => name)}`,
    )
  }
  // What is there and undefined is not said: programs that are no TypeScript take options from the environment.
  const said = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
  const resolved: ResolvedOptions = { ...DEFAULTS, ...said, assignors, rebalanceProtocol }
  checkValues(resolved)
  if (resolved.heartbeatIntervalMs >= resolved.sessionTimeoutMs) {
    const { heartbeatIntervalMs, sessionTimeoutMs } = resolved
    throw misuse(
      `heartbeat interval is not below the session time-out heartbeatIntervalMs=${heartbeatIntervalMs} sessionTimeoutMs=${sessionTimeoutMs}`,
    )
  }
  return resolved
}

/** Options that may be 0. */
const MAY_BE_ZERO: readonly string[] = ['fetchMaxWaitMs', 'fetchMinBytes']

const CHOICES: Readonly<Record<string, readonly string[]>> = {
  isolation: ['read_committed', 'read_uncommitted'],
  startFrom: ['earliest', 'latest', 'none'],
}

/** Types do not reach programs that are no TypeScript: there a word that is none would quietly mean another. */
function checkValues(resolved: ResolvedOptions): void {
  for (const [name, value] of Object.entries(resolved)) {
    if (!Object.hasOwn(DEFAULTS, name) && !['assignors', 'rebalanceProtocol'].includes(name)) {
      throw misuse(`unknown option ${name}`)
    }
    const choices = Object.hasOwn(CHOICES, name) ? CHOICES[name] : undefined
    if (choices !== undefined && !choices.includes(value as string)) {
      throw misuse(`option is none of ${choices.join(', ')} ${name}=${value}`)
    }
    if (typeof DEFAULTS[name as keyof typeof DEFAULTS] !== 'number') continue
    const least = MAY_BE_ZERO.includes(name) ? 0 : 1
    if (!Number.isInteger(value)) throw misuse(`option is not an integer ${name}=${value}`)
    if ((value as number) < least) throw misuse(`option is below ${least} ${name}=${value}`)
  }
}

function findAssignor(wanted: AssignorName | Assignor): Assignor {
  if (typeof wanted !== 'string') return wanted
  const found = ASSIGNORS.find(({ name }) => name === wanted)
  if (found === undefined) throw misuse(`unknown assignor name=${wanted}`)
  return found
}
