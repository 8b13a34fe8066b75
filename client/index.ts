export type { ProduceFrameHeader } from './apis.ts'
export { type AnsweredRow, rowError, StratologError } from './errors.ts'
export type { RetryPolicy } from './retry.ts'
export {
  type FetchedBatches,
  type Transport,
  type TransportOptions,
  transport,
} from './transport.ts'
