import { StratologError } from '../client/index.ts'
import { KafkaError } from '../shared/protocol/kafka-error.ts'

/** An error as the command line says it: the fact, and Kafka's name for it when the service or the log said so. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const isNamed = error instanceof KafkaError || (error instanceof StratologError && error.httpStatus)
  const requestId = error instanceof StratologError ? error.requestId : undefined
  const name = isNamed ? ` error=${error.errorName}` : ''
  return `${error.message}${name}${requestId === undefined ? '' : ` requestId=${requestId}`}`
}
