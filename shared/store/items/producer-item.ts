import * as z from 'zod'
import { type ProducerState, packProducerState, unpackProducerState } from '../../core/producer-state.ts'
import type { Item } from '../../core/update-plan.ts'

const producerItem = z.object({
  p: z.int().min(0),
  q: z.int().min(0),
  e: z.int().min(0),
  spilledAtMs: z.int(),
  ver: z.int(),
})

/** A producer that was moved out of a head: its state, the base offset of its last batch, and when (KIP-360: kept by time). */
export interface SpilledProducer {
  readonly state: ProducerState
  readonly lastBaseOffset: number
  /** Leader epoch of the head that it was in: a truncation, which begins another one, may give offsets out again. */
  readonly leaderEpoch: number
  readonly spilledAtMs: number
}

/** The item of a spilled producer. */
export function encodeSpilledProducer(producer: SpilledProducer): Item {
  return {
    p: packProducerState(producer.state),
    q: producer.lastBaseOffset,
    e: producer.leaderEpoch,
    spilledAtMs: producer.spilledAtMs,
  }
}

/** The spilled producer of an item read back, and the version it was read at. */
export function decodeSpilledProducer(stored: Item): SpilledProducer & { readonly version: number } {
  const item = producerItem.parse(stored)
  return {
    state: unpackProducerState(item.p),
    lastBaseOffset: item.q,
    leaderEpoch: item.e,
    spilledAtMs: item.spilledAtMs,
    version: item.ver,
  }
}
