import { TransactionCanceledException } from '@aws-sdk/client-dynamodb'
import { KafkaError } from '../protocol/kafka-error.ts'
import { causeOf, codeOf } from './cause-of.ts'
import { httpStatusOf } from './connections.ts'

/** Failures of the network before any byte of a request could be sent. */
const NOT_CONNECTED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])

/**
 * What a failed call of DynamoDB comes to. A refusal of the service is definite, whatever its reason; without one a read
 * has no effect, and a write an unknown one.
 *
 * UNKNOWN_SERVER_ERROR: a malformed plan, or a document above 400 KB. KAFKA_STORAGE_ERROR: throttled, in conflict with
 * another transaction, not allowed, not connected, a failed read. REQUEST_TIMED_OUT: a write without a definite answer.
 */
export function dynamoError(error: unknown, access: 'read' | 'write', what: string): KafkaError {
  if (error instanceof KafkaError) return error
  const reason = reasonOf(error)
  const facts = `${what} cause=${reason}`
  if (reason === 'ValidationException' || reason === 'ValidationError') {
    const message = validationMessage(error)
    const fact = message.includes('size') ? 'document too large' : 'plan is malformed'
    return new KafkaError('UNKNOWN_SERVER_ERROR', `${fact} ${facts}: ${message}`, { cause: error })
  }
  if (access === 'read') return new KafkaError('KAFKA_STORAGE_ERROR', `not read ${facts}`, { cause: error })
  return hasNoEffect(error)
    ? new KafkaError('KAFKA_STORAGE_ERROR', `not written ${facts}`, { cause: error })
    : new KafkaError('REQUEST_TIMED_OUT', `no definite answer ${facts}`, { cause: error })
}

/** Whether another try of a read may go better. */
export function isTransient(error: unknown): boolean {
  const status = httpStatusOf(error)
  return status === undefined || status >= 500 || isThrottle(error)
}

/** The positions of the actions whose conditions failed; none when the transaction failed for another reason. */
export function refusedActions(error: unknown): readonly number[] {
  if (!(error instanceof TransactionCanceledException)) return []
  const reasons = error.CancellationReasons ?? []
  return reasons.flatMap(({ Code }, position) => (Code === 'ConditionalCheckFailed' ? [position] : []))
}

/** Whether a write was refused for nothing but another transaction that was at work on a document of it. */
export function isConflict(error: unknown): boolean {
  if (!(error instanceof TransactionCanceledException))
    return nameOf(error) === 'TransactionConflictException'
  return refusedActions(error).length === 0 && reasonOf(error) === 'TransactionConflict'
}

/** Whether a write that failed so can neither have been applied nor be applied later. */
export function hasNoEffect(error: unknown): boolean {
  const status = httpStatusOf(error)
  if (status !== undefined) {
    // A 200 is an error when it could not be read. A transaction in progress is our own, from an earlier try.
    return status >= 300 && status < 500 && nameOf(error) !== 'TransactionInProgressException'
  }
  if (nameOf(error) === 'CredentialsProviderError') return true
  return NOT_CONNECTED.has(codeOf(error)) || messageOf(error).includes('did not establish a connection')
}

function isThrottle(error: unknown): boolean {
  return /Throttl|ProvisionedThroughputExceeded|RequestLimitExceeded/.test(nameOf(error))
}

/** The name of the failure; of a cancelled transaction that of its first action that failed. */
function reasonOf(error: unknown): string {
  if (error instanceof TransactionCanceledException) {
    const codes = (error.CancellationReasons ?? []).flatMap(({ Code }) => Code ?? [])
    return codes.find((code) => code !== 'None') ?? error.name
  }
  return causeOf(error)
}

function validationMessage(error: unknown): string {
  if (!(error instanceof TransactionCanceledException)) return messageOf(error)
  const reasons = error.CancellationReasons ?? []
  return reasons.find(({ Code }) => Code === 'ValidationError')?.Message ?? error.message
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : String(error)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
