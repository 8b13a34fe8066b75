import type { Check, Item, UpdatePlan } from '../core/update-plan.ts'

/** Where a document stands. Keys are built by `store/keys.ts` from internal ids, never from bytes a user chose freely. */
export interface Key {
  readonly pk: string
  readonly sk: string
}

/** A document and its key. */
export interface Entry {
  readonly key: Key
  readonly item: Item
}

/**
 * Which documents of one `pk` to list: `from` and `to` are inclusive bounds of `sk`, compared as UTF-8 bytes. A range that
 * ends before it begins holds none.
 */
export interface Range {
  readonly from: string
  readonly to: string
}

/** A document that is due, by the index of due work. */
export interface Due {
  readonly key: Key
  readonly dueAtMs: number
}

/** What a conditional write came to. A lost race is a value: `item` is the document that refused it, if there is one. */
export type Verdict =
  | { readonly applied: true; readonly item: Item }
  | { readonly applied: false; readonly item: Item | undefined }

/** The version a `put` replaces: the stored attribute `ver`, or `absent` for no document at all. */
export type Expected = number | 'absent'

/** One part of a transaction; each names another document. */
export type Action =
  | { readonly action: 'put'; readonly key: Key; readonly item: Item; readonly expected: Expected }
  | { readonly action: 'update'; readonly key: Key; readonly plan: UpdatePlan }
  | { readonly action: 'delete'; readonly key: Key; readonly checks: readonly Check[] }
  | { readonly action: 'check'; readonly key: Key; readonly checks: readonly Check[] }

/** What a transaction came to: `refused` holds the positions of the actions whose conditions failed. */
export type TransactVerdict =
  | { readonly applied: true }
  | { readonly applied: false; readonly refused: readonly number[] }

/**
 * Documents with conditional writes: DynamoDB's semantics, whatever is beneath.
 *
 * Every method is atomic and linearizable for its document unless it says otherwise. Failures are KafkaErrors:
 * KAFKA_STORAGE_ERROR when nothing was written and never will be (throttled, refused, not connected),
 * REQUEST_TIMED_OUT when a write may have been applied or may be yet, and
 * UNKNOWN_SERVER_ERROR when a plan is malformed or a document longer than DynamoDB's 400 KiB (nothing was written).
 */
export interface DocumentStore {
  /** The document, or undefined. A strong read sees every write that was answered before it began; an eventual one may be older. */
  get(key: Key, consistency: 'strong' | 'eventual'): Promise<Item | undefined>

  /** At most `limit` (1 or more) documents of one partition key in `sk` order, read strongly. */
  list(
    pk: string,
    query: Range & { limit: number; direction: 'ascending' | 'descending' },
  ): Promise<readonly Entry[]>

  /**
   * At most `limit` (1 or more) documents with the attributes `dueShard` = `shard` and `dueAtMs` ≤ `untilMs`, the longest
   * due first. An eventual read: what was written just now may be missing or still be there.
   */
  due(shard: number, query: { untilMs: number; limit: number }): Promise<readonly Due[]>

  /** Replaces the whole document if its version is `expected`; the stored `ver` becomes `expected + 1`, or 1 for a new one. */
  put(key: Key, item: Item, expected: Expected): Promise<Verdict>

  /**
   * Removes the document if every check holds; `item` is the document as it was, or the one that refused it. An absent
   * document counts as empty: it passes no check but `absent`, and is removed as `{}`.
   */
  delete(key: Key, checks: readonly Check[]): Promise<Verdict>

  /** Carries out `plan`; `item` is the document after it, or the one that refused it. An absent document counts as empty. */
  update(key: Key, plan: UpdatePlan): Promise<Verdict>

  /** Carries out 1 to 100 actions on different documents, all or none. */
  transact(actions: readonly Action[]): Promise<TransactVerdict>
}
