import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import type { Item, Value } from '../core/update-plan.ts'
import { assert } from '../protocol/kafka-error.ts'
import type { Due, Key } from '../store/document-store.ts'
import { TABLE } from './tables.ts'

/** A map of DynamoDB's typed values. */
export type Attributes = Record<string, AttributeValue>

const PK = TABLE.partitionKey.name
const SK = TABLE.sortKey.name
const DUE_AT = TABLE.index.sortKey.name

/** A value in DynamoDB's notation: `1` → `{ N: '1' }`. */
export function marshal(value: Value): AttributeValue {
  switch (typeof value) {
    case 'string':
      return { S: value }
    case 'number':
      return { N: String(value) }
    case 'boolean':
      return { BOOL: value }
    default:
      return isList(value) ? { L: value.map(marshal) } : { M: marshalMap(value) }
  }
}

/** The key of a document in DynamoDB's notation. */
export function marshalKey({ pk, sk }: Key): Attributes {
  return { [PK]: { S: pk }, [SK]: { S: sk } }
}

/**
 * A document with its key, in DynamoDB's notation.
 *
 * @throws KafkaError UNKNOWN_SERVER_ERROR when an attribute has the name of one of the key's
 */
export function marshalItem(key: Key, item: Item): Attributes {
  assert(!Object.hasOwn(item, PK) && !Object.hasOwn(item, SK), `document has a key's attribute sk=${key.sk}`)
  return { ...marshalMap(item), ...marshalKey(key) }
}

/** The document without its key; undefined for none. */
export function unmarshalItem(stored: Attributes | undefined): Item | undefined {
  if (stored === undefined) return undefined
  const { [PK]: _pk, [SK]: _sk, ...attributes } = stored
  return unmarshalMap(attributes)
}

/** The document and its key. */
export function unmarshalEntry(stored: Attributes): { readonly key: Key; readonly item: Item } {
  const item = unmarshalItem(stored) ?? {}
  return { key: { pk: stored[PK]?.S ?? '', sk: stored[SK]?.S ?? '' }, item }
}

/** An entry of the index of due documents. */
export function unmarshalDue(stored: Attributes): Due {
  return { key: unmarshalEntry(stored).key, dueAtMs: Number(stored[DUE_AT]?.N) }
}

function marshalMap(map: Item): Attributes {
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, marshal(value)]))
}

/** `Object.fromEntries` makes even `__proto__` a name like any other. */
function unmarshalMap(map: Attributes): Item {
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, unmarshal(value)]))
}

function unmarshal(stored: AttributeValue): Value {
  if (stored.S !== undefined) return stored.S
  if (stored.N !== undefined) return Number(stored.N)
  if (stored.M !== undefined) return unmarshalMap(stored.M)
  if (stored.BOOL !== undefined) return stored.BOOL
  if (stored.L !== undefined) return stored.L.map(unmarshal)
  assert(false, `stored value is of a type that is never written type=${Object.keys(stored).join()}`)
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}
