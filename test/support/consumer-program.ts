import { type PartitionOffset, Stratolog, StratologError, type TopicPartition } from '../../client/index.ts'
import type { ConsumerLine, ConsumerOrders } from './consumer-process.ts'

// A consumer that says on stdout what happens to it, and closes when stdin ends.

const orders = JSON.parse(process.argv[2] ?? '') as ConsumerOrders
const say = (line: ConsumerLine) => process.stdout.write(`${JSON.stringify(line)}\n`)
const told = (is: 'assigned' | 'revoked' | 'lost') => (partitions: readonly TopicPartition[]) => {
  const member = consumer.groupMetadata()
  if (is === 'assigned' && member !== undefined) {
    say({ is: 'member', generationId: member.generationId, memberId: member.memberId })
  }
  say({ is, partitions })
}
const sayError = (is: 'warning' | 'error', error: unknown) =>
  say({
    is,
    errorName: error instanceof StratologError ? error.errorName : 'none',
    message: String(error),
  })

const processed = new Map<string, PartitionOffset>()
const consumer = new Stratolog({ endpoint: orders.endpoint }).consumer(orders.options)
consumer.on('warning', ({ error }) => sayError('warning', error))
consumer.on('error', ({ error }) => sayError('error', error))

process.on('SIGCONT', async () => {
  if (processed.size === 0) return
  try {
    await consumer.commit([...processed.values()])
    say({ is: 'late commit', outcome: 'taken' })
  } catch (error) {
    say({ is: 'late commit', outcome: error instanceof StratologError ? error.errorName : String(error) })
  }
})

await consumer.subscribe({
  topics: orders.topics,
  onPartitionsAssigned: told('assigned'),
  onPartitionsRevoked: told('revoked'),
  onPartitionsLost: told('lost'),
})
await consumer.run({
  autoCommit: { intervalMs: orders.commitIntervalMs },
  eachRecord: ({ topic, partition, record }) => {
    const value = new TextDecoder().decode(record.value ?? new Uint8Array())
    processed.set(`${topic}-${partition}`, { topic, partition, offset: record.offset + 1n })
    say({ is: 'record', partition, offset: Number(record.offset), value })
  },
})
process.stdin.resume().on('end', () => void consumer.close())
await consumer.stopped
process.exit(0)
