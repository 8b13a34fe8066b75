import { type Attributes, unmarshalEntry } from '../shared/aws/marshal.ts'
import { itemSize } from '../test/support/item-size.ts'
import type { ProxiedCall } from './counting-proxy.ts'

/** One call of DynamoDB or S3, as it is counted. */
export interface ServiceCall {
  readonly service: 'dynamoDb' | 's3'
  /** What was called for what, for example `UpdateItem append`, `GetItem head`, `PUT wal`. */
  readonly operation: string
  /** A conditional write whose condition failed. */
  readonly isRefused: boolean
  readonly readUnits: number
  readonly writeUnits: number
  /** Of the write units those that an index took. */
  readonly indexWriteUnits: number
  /** Bytes of the head that was answered, by DynamoDB's rules; 0 when none was. */
  readonly headBytes: number
  readonly beganAtMs: number
  readonly endedAtMs: number
}

interface Capacity {
  readonly CapacityUnits: number
  readonly GlobalSecondaryIndexes?: Readonly<Record<string, { readonly CapacityUnits: number }>>
}

interface DynamoRequest {
  readonly Key?: Attributes
  readonly Item?: Attributes
  readonly UpdateExpression?: string
  readonly ExpressionAttributeValues?: Attributes
}

interface DynamoAnswer {
  readonly __type?: string
  readonly ConsumedCapacity?: Capacity | readonly Capacity[]
  /** The updated document, and the one that refused. */
  readonly Attributes?: Attributes
  readonly Item?: Attributes
}

const WRITE_UNIT_BYTES = 1024
const READS = new Set(['GetItem', 'Query', 'BatchGetItem', 'TransactGetItems'])

/** The body of a DynamoDB call that asks for the units it uses, of the table and of each index. */
export function askForCapacity(body: Buffer): Buffer {
  return Buffer.from(JSON.stringify({ ...JSON.parse(body.toString()), ReturnConsumedCapacity: 'INDEXES' }))
}

/** A counted call of DynamoDB. */
export function dynamoCall(call: ProxiedCall): ServiceCall {
  const api = String(call.headers['x-amz-target']).replace(/^.*\./, '')
  const request = JSON.parse(call.body.toString()) as DynamoRequest
  const answer = JSON.parse(call.answer.toString() || '{}') as DynamoAnswer
  const isRefused = answer.__type?.endsWith('#ConditionalCheckFailedException') ?? false
  const used = isRefused ? refusedUnits(answer) : unitsOf(answer)
  return {
    service: 'dynamoDb',
    operation: `${api} ${subjectOf(api, request)}`,
    isRefused,
    readUnits: READS.has(api) ? used.all : 0,
    writeUnits: READS.has(api) ? 0 : used.all,
    indexWriteUnits: READS.has(api) ? 0 : used.index,
    headBytes: headBytes(answer.Attributes ?? answer.Item),
    beganAtMs: call.beganAtMs,
    endedAtMs: call.endedAtMs,
  }
}

/** A counted call of S3. */
export function s3Call({ method, path, beganAtMs, endedAtMs }: ProxiedCall): ServiceCall {
  const [, , folder = ''] = path.split(/[/?]/)
  return {
    service: 's3',
    operation: `${method} ${folder}`,
    isRefused: false,
    readUnits: 0,
    writeUnits: 0,
    indexWriteUnits: 0,
    headBytes: 0,
    beganAtMs,
    endedAtMs,
  }
}

function subjectOf(api: string, { Key, Item, UpdateExpression, ExpressionAttributeValues }: DynamoRequest) {
  const stored = Key ?? Item
  if (api === 'Query') return (ExpressionAttributeValues?.[':from']?.S ?? '').replace(/#.*/, '').toLowerCase()
  if (stored?.pk?.S === 'TOPICS') return 'topic'
  const sort = (stored?.sk?.S ?? '').replace(/#.*/, '').toLowerCase()
  if (api !== 'UpdateItem' || sort !== 'head') return sort
  // Only a trim takes entries away and sets nothing.
  return UpdateExpression?.startsWith('REMOVE') ? 'trim' : 'append'
}

function unitsOf({ ConsumedCapacity }: DynamoAnswer): { all: number; index: number } {
  let all = 0
  let index = 0
  for (const { CapacityUnits, GlobalSecondaryIndexes } of [ConsumedCapacity ?? []].flat() as Capacity[]) {
    all += CapacityUnits
    for (const of of Object.values(GlobalSecondaryIndexes ?? {})) index += of.CapacityUnits
  }
  return { all, index }
}

/** DynamoDB Local tells no units of a write that was refused; AWS bills those of the document that is there. */
function refusedUnits({ Item }: DynamoAnswer): { all: number; index: number } {
  return { all: Item === undefined ? 1 : Math.ceil(sizeOf(Item) / WRITE_UNIT_BYTES), index: 0 }
}

function headBytes(stored: Attributes | undefined): number {
  return stored?.sk?.S === 'HEAD' ? sizeOf(stored) : 0
}

function sizeOf(stored: Attributes): number {
  const { key, item } = unmarshalEntry(stored)
  return itemSize({ ...key, ...item })
}
