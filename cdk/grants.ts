import type { ROUTES } from '../functions/routes.ts'

/** The Lambdas that answer requests: the groups of routes.ts that have a route. */
export type HttpGroup = (typeof ROUTES)[number]['function']
/** The Lambdas that nobody waits for. */
export type TaskGroup = 'controller' | 'background'
/** The Lambdas of a deployment. */
export type LambdaGroup = HttpGroup | TaskGroup

/** What the code behind a group does, and so what its role allows. */
export interface Grants {
  readonly table: readonly string[]
  /** Besides, on the documents of the cluster itself: storage nodes and controller. */
  readonly clusterDocuments: readonly string[]
  /** Besides, on the documents of consumer groups. */
  readonly groupDocuments: readonly string[]
  readonly dueIndex: readonly 'dynamodb:Query'[]
  readonly walObjects: readonly ObjectAction[]
  readonly incarnationObject: readonly ObjectAction[]
  readonly canaryObject: readonly ObjectAction[]
  /** The functions whose work it may start. */
  readonly invokes: readonly TaskGroup[]
}

type ObjectAction = 's3:PutObject' | 's3:GetObject'

const READ_DOCUMENTS = ['dynamodb:GetItem', 'dynamodb:Query']
const WRITE_DOCUMENTS = ['dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem']
const ALL_DOCUMENTS = [...READ_DOCUMENTS, ...WRITE_DOCUMENTS]
/** A transaction may check a document that it does not write. */
const CHECK_DOCUMENTS = 'dynamodb:ConditionCheckItem'
/** Where topics are made: their document is put if the storage nodes are as their heads know them. */
const MAKE_TOPICS = [...ALL_DOCUMENTS, CHECK_DOCUMENTS]
/** The first start puts the object that names a bucket, and every start reads it. */
const REGISTER = ['s3:PutObject', 's3:GetObject'] as const

/** A copy is a get of one object and a put of the other, and so is to write and to read. */
const COPY = ['s3:PutObject', 's3:GetObject'] as const

/** What most groups are not granted. */
const NOTHING_ELSE = {
  clusterDocuments: [],
  groupDocuments: [],
  dueIndex: [],
  walObjects: [],
  canaryObject: [],
} as const

/**
 * The least that each group needs. Nobody may scan the table, read its stream, delete an object or touch the segments: no
 * code does yet. All wake the controller when they see a storage node fail, or at their start another bucket.
 */
export const GRANTS: { readonly [group in LambdaGroup]: Grants } = {
  /** Appends update heads and put pages; a topic made on the way puts heads, and deletes them when another was faster. What an in-sync replica lacks it copies, a little at a time. */
  produce: {
    ...NOTHING_ELSE,
    table: MAKE_TOPICS,
    walObjects: COPY,
    incarnationObject: REGISTER,
    invokes: ['controller', 'background'],
  },
  /** Reads, and says of a storage node that it failed or lost an object. It cannot make the cluster: nothing can be read before another function has. */
  fetch: {
    ...NOTHING_ELSE,
    table: READ_DOCUMENTS,
    clusterDocuments: ['dynamodb:UpdateItem'],
    walObjects: ['s3:GetObject'],
    incarnationObject: ['s3:GetObject'],
    invokes: ['controller'],
  },
  /** Consumer groups are documents of their own; of topics it reads what stands under their names. It cannot make the cluster, as fetch cannot. */
  group: {
    ...NOTHING_ELSE,
    table: READ_DOCUMENTS,
    groupDocuments: [...WRITE_DOCUMENTS, CHECK_DOCUMENTS],
    incarnationObject: ['s3:GetObject'],
    invokes: ['controller'],
  },
  /** Makes, fences and deletes topics, and elects leaders as an operator asks, with a look at the nodes; records are none of its business. */
  admin: {
    ...NOTHING_ELSE,
    table: MAKE_TOPICS,
    incarnationObject: REGISTER,
    canaryObject: ['s3:PutObject'],
    invokes: ['controller', 'background'],
  },
  /** The REST dialect produces and fetches. */
  rest: {
    ...NOTHING_ELSE,
    table: MAKE_TOPICS,
    walObjects: COPY,
    incarnationObject: REGISTER,
    invokes: ['controller', 'background'],
  },
  /** Elects, finishes deletions and has members of groups expire, as the index says; it writes to a node that somebody could not write to, but no records, of which it reads those that a reader missed. */
  controller: {
    ...NOTHING_ELSE,
    table: ALL_DOCUMENTS,
    groupDocuments: [CHECK_DOCUMENTS],
    dueIndex: ['dynamodb:Query'],
    walObjects: ['s3:GetObject'],
    incarnationObject: REGISTER,
    canaryObject: ['s3:PutObject'],
    invokes: ['controller', 'background'],
  },
  /** Copies from bucket to bucket, and updates the head. It goes on in another invocation of itself. */
  background: {
    ...NOTHING_ELSE,
    table: [...READ_DOCUMENTS, 'dynamodb:UpdateItem'],
    walObjects: COPY,
    incarnationObject: ['s3:GetObject'],
    invokes: ['controller', 'background'],
  },
}
