import { expect, test } from 'vitest'
import { cooperativeStickyAssignor } from '../../client/assignors/cooperative-sticky.ts'
import { stickyAssignor } from '../../client/assignors/sticky.ts'
import { decodeStickyUserData, encodeStickyUserData } from '../../client/assignors/sticky-user-data.ts'
import { partitions } from '../support/assignor-members.ts'

const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))

// By hand from the schema STICKY_ASSIGNOR_USER_DATA of Kafka's StickyAssignor.
test('user data of sticky is what was assigned, and the generation', () => {
  const bytes = hex('00000001 0006 6f7264657273 00000002 00000000 00000002 00000007')
  const owned = { partitions: partitions(['orders-0', 'orders-2']), generationId: 7 }
  expect(encodeStickyUserData(owned)).toEqual(bytes)
  expect(decodeStickyUserData(bytes)).toEqual(owned)
  expect(decodeStickyUserData(bytes.subarray(0, -4))).toEqual({ ...owned, generationId: -1 })
  expect(decodeStickyUserData(bytes.subarray(0, -5))).toEqual({ partitions: new Map(), generationId: -1 })
})

test('a member that was never assigned anything has no user data', () => {
  expect(stickyAssignor.subscriptionUserData(new Map(), -1)).toBeNull()
})

test('user data of cooperative-sticky is the generation', () => {
  expect(cooperativeStickyAssignor.subscriptionUserData(partitions(['t-0']), 258)).toEqual(
    Uint8Array.of(0, 0, 1, 2),
  )
})
