import { expect, test } from 'vitest'
import { consumeInGroup, type GroupReading } from '../../cli/consume-group.ts'
import type { RecordPrinter } from '../../cli/record-printer.ts'
import type { Consumer } from '../../client/index.ts'
import { type ConsumerService, consumerService } from '../support/consumer-service.ts'

const TO_THE_END: GroupReading = {
  topic: 't',
  groupId: 'g',
  startFrom: 'earliest',
  isolation: 'read_committed',
  exit: true,
}

/** A member of the command's group that commits nothing; `handle` is what it does with each record. */
async function otherMember(service: ConsumerService, handle: () => Promise<void> | void): Promise<Consumer> {
  const consumer = service.client().consumer({ groupId: 'g' })
  await consumer.subscribe({ topics: ['t'] })
  await consumer.run({ autoCommit: false, eachRecord: handle })
  return consumer
}

test('consume -g -e does not take what it gave up for a rebalance for read', async () => {
  const service = await consumerService({ configs: { 'group.initial.rebalance.delay.ms': '0' } })
  await service.createTopic('t', 2)
  const values = Array.from({ length: 5000 }, (_, at) => `v${at}`)
  await service.append('t', 0, values)
  await service.append('t', 1, values)

  // One that joins, and keeps the next rebalance waiting while it is busy; the next one joins then; both leave.
  const others: Promise<Consumer>[] = []
  const handle = async () => {
    if (others.length === 2) return
    others.push(otherMember(service, () => {}))
    await service.pass(5000)
    for (const other of others) void (await other).close()
  }
  const printed = new Set<string>()
  const printer: RecordPrinter = {
    wanted: () => Number.POSITIVE_INFINITY,
    isFull: () => false,
    print: async (records) => {
      for (const { partition, offset } of records) printed.add(`${partition}@${offset}`)
      return records.length
    },
    flush: async () => {
      if (others.length === 0) others.push(otherMember(service, handle))
      await service.pass(1000)
    },
  }
  const connect = () => service.client().transport
  await consumeInGroup(TO_THE_END, printer, {
    output: 'table',
    signal: new AbortController().signal,
    connect,
  })
  expect(others).toHaveLength(2)
  expect(printed.size).toBe(10_000)
})

test('consume -g -e gives up once the service has been out of reach for 120 s', async () => {
  const service = await consumerService({ configs: { 'group.initial.rebalance.delay.ms': '0' } })
  await service.createTopic('t', 1)
  const megabyte = 'v'.repeat(1_000_000)
  for (const value of [megabyte, megabyte]) await service.append('t', 0, [value])
  let printed = 0
  const printer: RecordPrinter = {
    wanted: () => Number.POSITIVE_INFINITY,
    isFull: () => false,
    print: async (records) => {
      printed += records.length
      return records.length
    },
    flush: async () => {},
  }
  let fetches = 0
  const cut = (api: string) => {
    if (api === 'fetch') fetches += 1
    return fetches > 1
  }
  const startedMs = service.deps.clock.nowMs()
  const reading = consumeInGroup(TO_THE_END, printer, {
    output: 'table',
    signal: new AbortController().signal,
    connect: (_retry, onTry) => service.client({ cut, onTry }).transport,
  })
  await expect(reading).rejects.toMatchObject({ errorName: 'NETWORK_EXCEPTION' })
  expect(printed).toBe(1)
  const tookMs = service.deps.clock.nowMs() - startedMs
  expect(tookMs).toBeGreaterThan(120_000)
  expect(tookMs).toBeLessThan(200_000)
})
