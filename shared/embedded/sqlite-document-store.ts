import type { DatabaseSync } from 'node:sqlite'
import { applyPlan, holds } from '../core/apply-plan.ts'
import type { Item } from '../core/update-plan.ts'
import { assert } from '../protocol/kafka-error.ts'
import { afterAction, allows, isVersion, withNextVersion } from '../store/apply-action.ts'
import { assertActions } from '../store/assert-actions.ts'
import type { DocumentStore, Key, Verdict } from '../store/document-store.ts'
import { documentTable } from './sqlite-document-table.ts'
import { storageCall, transactionOf } from './sqlite-transaction.ts'

/**
 * Documents in one SQLite table, in a database that nobody else writes to. Reads are always strong. Every method does its
 * work at once, within one turn of the event loop, so no two calls ever meet.
 *
 * A document of more than 400 KiB is a broken invariant like a malformed plan: UNKNOWN_SERVER_ERROR, nothing written.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when the table cannot be made or read
 */
export function sqliteDocumentStore(database: DatabaseSync): DocumentStore {
  const table = storageCall('documents not opened', () => documentTable(database))
  const inTransaction = transactionOf(database)

  /** Reads the document, lets `decide` say what becomes of it, and writes that, all in one transaction. */
  const change = (key: Key, decide: (before: Item | undefined) => Change): Verdict =>
    inTransaction(() => {
      const { verdict, write } = decide(table.read(key))
      if (write === 'delete') table.remove(key)
      if (write === 'save' && verdict.item !== undefined) table.save(key, verdict.item)
      return verdict
    })

  return {
    get: async (key) => storageCall('document not read', () => table.read(key)),

    list: async (pk, { from, to, limit, direction }) => {
      assert(Number.isSafeInteger(limit) && limit > 0, `list without a limit limit=${limit}`)
      return storageCall('documents not listed', () => table.list(pk, { from, to, limit, direction }))
    },

    due: async (shard, { untilMs, limit }) => {
      assert(Number.isSafeInteger(limit) && limit > 0, `due without a limit limit=${limit}`)
      return storageCall('due documents not listed', () => table.due(shard, { untilMs, limit }))
    },

    put: async (key, item, expected) =>
      change(key, (before) => {
        if (!isVersion(before, expected))
          return { verdict: { applied: false, item: before }, write: 'nothing' }
        return { verdict: { applied: true, item: withNextVersion(item, expected) }, write: 'save' }
      }),

    delete: async (key, checks) =>
      change(key, (before) => {
        if (!holds(before, checks)) return { verdict: { applied: false, item: before }, write: 'nothing' }
        return { verdict: { applied: true, item: before ?? {} }, write: 'delete' }
      }),

    update: async (key, plan) =>
      change(key, (before) => {
        const verdict = applyPlan(before, plan)
        return { verdict, write: verdict.applied ? 'save' : 'nothing' }
      }),

    transact: async (actions) => {
      assertActions(actions)
      return inTransaction(() => {
        const befores = actions.map(({ key }) => table.read(key))
        const refused = actions.flatMap((action, index) => (allows(action, befores[index]) ? [] : [index]))
        if (refused.length > 0) return { applied: false, refused }
        actions.forEach((action, index) => {
          if (action.action === 'check') return
          const item = afterAction(action, befores[index])
          if (item === undefined) table.remove(action.key)
          else table.save(action.key, item)
        })
        return { applied: true }
      })
    },
  }
}

interface Change {
  readonly verdict: Verdict
  readonly write: 'save' | 'delete' | 'nothing'
}
