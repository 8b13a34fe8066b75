import { KafkaError } from '../protocol/kafka-error.ts'
import { causeOf } from './cause-of.ts'

/**
 * Runs calls of S3.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when S3 or the way there failed; a KafkaError of `call` passes
 */
export async function orStorageError<Answer>(facts: string, call: () => Promise<Answer>): Promise<Answer> {
  try {
    return await call()
  } catch (error) {
    if (error instanceof KafkaError) throw error
    throw new KafkaError('KAFKA_STORAGE_ERROR', `${facts} cause=${causeOf(error)}`, { cause: error })
  }
}

/** Whether S3 answered with the error code `name`. */
export function isNamed(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name
}
