import type { Head } from '../../shared/core/head.ts'
import type { Limits } from '../../shared/protocol/limits.ts'
import type { Actor, Batch } from './explore-actors.ts'

/** A few handlers at work at once on a small log, in every order there is. */
export interface Scenario {
  /** As reference/interleavings.md numbers what it is about. */
  readonly name: string
  readonly about: string
  /** Also the number of storage nodes, 0 to n−1; replica 0 leads at first. */
  readonly replicationFactor: number
  readonly minIsr: number
  readonly unclean: boolean
  readonly limits: Partial<Limits>
  /** Storage nodes that an actor wipes: each call to them has its place in the order. */
  readonly wiped: readonly number[]
  /** Done before the exploration begins, in one order and without a fault. */
  readonly setup: Actor['act']
  readonly actors: readonly Actor[]
  /** What is wrong with the head when everything has come to rest, and nothing failed. */
  readonly atRest?: (head: Head) => readonly string[]
}

/** An append that needs the leader only does not wait for anybody else. */
const NO_GRACE: Partial<Limits> = { followerGraceMs: 0 }

/** What most scenarios have: two replicas, of which both must have what is acknowledged. */
export const TWO_REPLICAS = {
  replicationFactor: 2,
  minIsr: 2,
  unclean: false,
  limits: NO_GRACE,
  wiped: [],
} as const satisfies Partial<Scenario>

/** Three replicas, of which two must have what is acknowledged. */
export const THREE_REPLICAS = { ...TWO_REPLICAS, replicationFactor: 3 } as const satisfies Partial<Scenario>

/** An actor that sends these records, one after the other. */
export function sender(name: string, ...batches: readonly Batch[]): Actor {
  return {
    name,
    act: async ({ send }) => {
      for (const batch of batches) await send(batch)
    },
  }
}
