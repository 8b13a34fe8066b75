import type { Item } from '../core/update-plan.ts'
import type { Expected, Key } from '../store/document-store.ts'
import { type Attributes, marshalItem } from './marshal.ts'
import { TABLE } from './tables.ts'

/** The parameters of a put of a whole document. */
interface PutExpression {
  readonly Item: Attributes
  readonly ConditionExpression: string
  readonly ExpressionAttributeNames: Record<string, string>
  readonly ExpressionAttributeValues?: Attributes
}

/** A put that replaces the version `expected`, or no document, by the next version: the attribute `ver`. */
export function putExpression(key: Key, item: Item, expected: Expected): PutExpression {
  if (expected === 'absent') {
    return {
      Item: marshalItem(key, nextVersion(item, expected)),
      ConditionExpression: 'attribute_not_exists(#pk)',
      ExpressionAttributeNames: { '#pk': TABLE.partitionKey.name },
    }
  }
  return {
    Item: marshalItem(key, nextVersion(item, expected)),
    ConditionExpression: '#ver = :expected',
    ExpressionAttributeNames: { '#ver': 'ver' },
    ExpressionAttributeValues: { ':expected': { N: String(expected) } },
  }
}

/** The document as a put of `expected` stores it. */
export function nextVersion(item: Item, expected: Expected): Item {
  return { ...item, ver: expected === 'absent' ? 1 : expected + 1 }
}
