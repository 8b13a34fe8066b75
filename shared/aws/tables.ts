/** An attribute of a key and its DynamoDB type: `S` a string, `N` a number. */
interface KeyAttribute {
  readonly name: string
  readonly type: 'S' | 'N'
}

interface TableKey {
  readonly partitionKey: KeyAttribute
  readonly sortKey: KeyAttribute
}

interface TableSchema extends TableKey {
  readonly index: TableKey & { readonly name: string; readonly projection: 'KEYS_ONLY' }
}

/**
 * The one table, as data for the deployment and for the emulator. Both keys are built by `store/keys.ts`.
 *
 * The index is sparse: only a document with both attributes stands in it, so it lists what is due, by shard, oldest first.
 */
export const TABLE = {
  partitionKey: { name: 'pk', type: 'S' },
  sortKey: { name: 'sk', type: 'S' },
  index: {
    name: 'DUE',
    partitionKey: { name: 'dueShard', type: 'N' },
    sortKey: { name: 'dueAtMs', type: 'N' },
    projection: 'KEYS_ONLY',
  },
} as const satisfies TableSchema
