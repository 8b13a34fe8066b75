import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { KafkaError } from '../protocol/kafka-error.ts'

/** Runs a piece of work in one transaction, for its answer. */
export type Transaction = <Answer>(work: () => Answer) => Answer

/**
 * Transactions of `database`: everything the work wrote is there when it returns, and nothing when it throws, but for the
 * unknown end of a failed COMMIT.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when SQLite failed and nothing was written
 * @throws KafkaError REQUEST_TIMED_OUT when COMMIT failed: its record may be in the log, for the next start to find
 */
export function transactionOf(database: DatabaseSync): Transaction {
  const begin = database.prepare('BEGIN IMMEDIATE')
  const commit = database.prepare('COMMIT')
  return (work) =>
    storageCall('transaction rolled back', () => {
      // A rollback that failed earlier must not let its writes be committed by us.
      rollback(database)
      begin.run()
      let answer: ReturnType<typeof work>
      try {
        answer = work()
      } catch (error) {
        rollback(database)
        throw error
      }
      commitOrUnknown(database, commit)
      return answer
    })
}

/**
 * Runs a call of SQLite that leaves nothing behind when it fails.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when SQLite failed; a KafkaError of `call` passes
 */
export function storageCall<Answer>(fact: string, call: () => Answer): Answer {
  try {
    return call()
  } catch (error) {
    if (error instanceof KafkaError) throw error
    throw new KafkaError('KAFKA_STORAGE_ERROR', `${fact} cause=${reason(error)}`, { cause: error })
  }
}

function commitOrUnknown(database: DatabaseSync, commit: StatementSync): void {
  try {
    commit.run()
  } catch (error) {
    rollback(database)
    throw new KafkaError('REQUEST_TIMED_OUT', `commit failed cause=${reason(error)}`, { cause: error })
  }
}

/** Rolls back what is open; SQLite has done so itself after some failures. */
function rollback(database: DatabaseSync): void {
  if (database.isTransaction) database.exec('ROLLBACK')
}

function reason(error: unknown): string {
  return JSON.stringify(error instanceof Error ? error.message : String(error))
}
