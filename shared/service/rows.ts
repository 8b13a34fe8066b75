import { type ErrorRow, errorRow, KafkaError } from '../protocol/kafka-error.ts'

/**
 * What `work` answers for one partition, topic or resource, or the row of the KafkaError it throws. Anything else
 * that is thrown is a bug and fails the whole request.
 */
export async function rowOf<R>(work: () => Promise<R>): Promise<R | ErrorRow> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof KafkaError) return errorRow(error)
    throw error
  }
}
