export type { ProduceFrameHeader } from './apis.ts'
export type { Assignor } from './assignors/assignor.ts'
export { LogTruncationError, type Truncation } from './consumer/consumer-error.ts'
export type { ConsumerEvents } from './consumer/consumer-events.ts'
export type { AssignorName, ConsumerOptions, StartFrom } from './consumer/consumer-options.ts'
export type { ConsumerRecord, PartitionOffset, TopicPartition } from './consumer/consumer-record.ts'
export type { RebalanceListener } from './consumer/ownership.ts'
export type { BatchHandler, BatchToHandle, RecordHandler, RecordToHandle } from './consumer/poll-handlers.ts'
export type {
  AutoCommit,
  Consumer,
  ConsumerAssignment,
  ConsumerSubscription,
  RunOptions,
} from './consumer.ts'
export { type AnsweredRow, rowError, StratologError } from './errors.ts'
export type { RetryPolicy } from './retry.ts'
export { Stratolog } from './stratolog.ts'
export {
  type FetchedBatches,
  type Transport,
  type TransportOptions,
  transport,
} from './transport.ts'
