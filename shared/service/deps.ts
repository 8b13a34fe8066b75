import type { ClusterConfigs } from '../protocol/cluster-configs.ts'
import type { Codecs } from '../protocol/compression.ts'
import type { Limits } from '../protocol/limits.ts'
import type { DocumentStore } from '../store/document-store.ts'
import type { ObjectStore } from '../store/object-store.ts'
import type { TaskTrigger } from '../store/task-trigger.ts'
import type { Caches } from './caches.ts'

/** Time, which the core never reads and a simulation owns. */
export interface Clock {
  nowMs(): number
  /** Resolves after `ms`, or at once when `signal` aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** A signal that aborts after `ms`, until `cancel` is called. */
  timeout(ms: number): { readonly signal: AbortSignal; cancel(): void }
  /**
   * Resolves after everything else that waits had its turn, if this thread has worked for long without a break; else
   * at once. Called between the rows and batches of a request, of which there may be thousands.
   */
  giveWay(): Promise<void>
}

/** One line of the structured log. Never payload bytes or secrets. */
export interface Logger {
  warn(message: string, fields: Readonly<Record<string, unknown>>): void
  error(message: string, fields: Readonly<Record<string, unknown>>): void
}

/** All that a service may touch: the ports, time, randomness and configuration, put together in `functions/wiring.ts`. */
export interface Deps {
  readonly clusterId: string
  readonly documents: DocumentStore
  /** The storage nodes by id, 0 to n−1. */
  readonly nodes: ReadonlyMap<number, ObjectStore>
  readonly tasks: TaskTrigger
  /** Names this process or Lambda environment among all that report storage nodes or hold the controller lease. */
  readonly environmentId: string
  readonly codecs: Codecs
  readonly clock: Clock
  readonly randomBytes: (count: number) => Uint8Array
  readonly configs: ClusterConfigs
  readonly limits: Limits
  /** The longest a fetch may wait here: a waiting Lambda costs more than asking again. */
  readonly maxFetchWaitMs: number
  /** When this request is answered, whatever it has come to; undefined: when it is done. */
  readonly deadlineMs?: number | undefined
  readonly caches: Caches
  readonly log: Logger
}
