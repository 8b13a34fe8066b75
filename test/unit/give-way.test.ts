import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { clockOfRequest, giveWay } from '../../functions/give-way.ts'
import type { Clock } from '../../shared/service/deps.ts'

const never = () => Promise.reject(new Error('not asked for'))
const clock: Clock = {
  nowMs: () => 0,
  sleep: never,
  timeout: () => ({ signal: new AbortController().signal, cancel: () => undefined }),
  giveWay,
}

let nowMs = 0
beforeEach(async () => {
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
  nowMs += 1000
  await giveWay()
})
afterEach(() => vi.restoreAllMocks())

/** Takes part in `order`, working for 20 ms each time. */
async function work(name: string, order: string[], clockOfIt: Clock, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    await clockOfIt.giveWay()
    order.push(name)
    nowMs += 20
  }
}

test('who has not worked for long goes on at once', async () => {
  const order: string[] = []
  setImmediate(() => order.push('other'))
  nowMs += 5
  await giveWay()
  order.push('me')
  expect(order).toEqual(['me'])
})

test('who has worked for long goes on after what waits', async () => {
  const order: string[] = []
  setImmediate(() => order.push('other'))
  nowMs += 20
  await giveWay()
  order.push('me')
  expect(order).toEqual(['other', 'me'])
})

test('between two long turns everything else has its turn', async () => {
  nowMs += 20
  const order: string[] = []
  const arrive = () => {
    order.push('arrived')
    if (order.length < 6) setImmediate(arrive)
  }
  setImmediate(arrive)
  await Promise.all(['a', 'b', 'c'].map((name) => work(name, order, clock, 1)))
  expect(order.slice(0, 5)).toEqual(['arrived', 'a', 'arrived', 'b', 'arrived'])
})

test('a request with many rows has no more turns than one with a single row', async () => {
  nowMs += 20
  const order: string[] = []
  const [many, one] = [clockOfRequest(clock), clockOfRequest(clock)]
  const rows = Promise.all(Array.from({ length: 20 }, () => work('many', order, many, 1)))
  await work('one', order, one, 3)
  expect(order.length).toBeLessThanOrEqual(7)
  await rows
  expect(order.filter((name) => name === 'many')).toHaveLength(20)
})
