/**
 * Every bound of a loop, list, wait and size, with its reason. What a simulation may want tiny is passed on
 * through `Deps.limits`; the rest is the protocol's and fixed.
 */
export const LIMITS = {
  /** Entries of a tail that go to one index page: 8 of them, 8 producers and 3 replicas stay within one write unit. */
  pageEntries: 8,
  /** Batches that may wait in a head for the high watermark; a head of 64 is still a few KiB. */
  maxTailEntries: 64,
  /** Producers kept in a head; 8 cost one write unit, 32 four. */
  maxHeadProducers: 32,
  /** A refused write costs a write unit, so an append gives up early rather than spin. */
  maxAppendTries: 3,
  /** Polls of a head by an idempotent batch that came too early; five in flight settle well within it. */
  earlyArrivalMs: 500,
  earlyArrivalPollMs: 20,
  /** Tries of a write by which one append makes room in a head that is full of producers, however often it needs it. */
  maxSpillTries: 3,
  /** How long an append waits for room in a head that is full of producers; it looks at any time between the two others. */
  spillWaitMs: 500,
  spillPollMs: 20,
  maxSpillPollMs: 80,
  /** Time-out of one PUT, and how often it is tried: the second time on a new connection. */
  putTimeoutMs: 1500,
  putTries: 2,
  /** A PUT that takes longer may wait for a node that is none of the replicas any more: the head is read. The pause doubles. */
  slowPutMs: 300,
  /** How long after the leader's PUT an append with acks=0 or 1 waits for those of the followers; longer if that one took longer. */
  followerGraceMs: 20,
  /** Heads by which one append plans its copies: each further one means that the ISR changed, or that a node failed. */
  maxIsrTries: 10,
  /** The controller, and the catch-up of one partition, are woken once in this time: the first hint is hardly ever lost. */
  wakeMs: 5000,
  /** Time-out of one GET; then another replica is asked. */
  getTimeoutMs: 500,
  /** A storage node whose GET failed is asked last for as long: each further try would cost a time-out. */
  nodeAvoidMs: 5000,
  /** A storage node is reported once in this time: the controller needs one report per environment in 30 s. */
  nodeReportMs: 5000,
  /** Zones of the storage nodes are read again after this; they hardly ever change. */
  zoneCacheMs: 10_000,
  /** Tries of an object's conditional PUT that met another one of the same key on its way. */
  conditionalPutTries: 4,
  /** Time-out of one call of the document store: a hundred times what it takes. */
  documentTimeoutMs: 3000,
  /** Tries of a transaction that met another one of the same documents on its way; the pause before a further one doubles. */
  transactionTries: 6,
  transactionRetryMs: 20,
  /** Tries of a read of the document store, which has no effect; the pause before a further one doubles. */
  documentReadTries: 3,
  documentRetryMs: 50,
  /** Time-out of one task's trigger, which a request may wait for: ten times what it takes; the tick makes up for a lost one. */
  taskTriggerTimeoutMs: 1000,
  /** Time-out of a new connection's handshake. */
  connectTimeoutMs: 1000,
  /** A connection idle for longer may be dead: frozen with its Lambda, or dropped by what lies between. */
  maxIdleConnectionMs: 3000,
  /** Connections to one endpoint; further calls wait for one of them. */
  maxConnections: 128,
  /** Pages read at once on the way down to the one that holds an offset. */
  maxPageWalk: 16,
  /** How often so: an unclean election may leave 1,000 stale pages of small batches above a page of large ones. */
  maxPageWalkRounds: 64,
  /** Pages read for one older duplicate of an idempotent producer. */
  maxDuplicatePages: 16,
  /** Re-reads of a head whose entry or object was not found, before the corruption alarm. */
  maxReadRestarts: 3,
  /** Objects copied at once from storage node to storage node, and the time-out of one copy. */
  parallelCopies: 16,
  copyTimeoutMs: 5000,
  /** Writes of a head by one catch-up that others may refuse: each of them means that they got on. */
  maxFillRounds: 100,
  /** What one catch-up task copies to each replica before another one goes on, and for how long: less than a Lambda may run. */
  catchUpObjects: 100_000,
  catchUpMs: 20_000,
  /** Catch-up tasks that ask for the next one, in a row: half an hour. The index of due work begins another row. */
  maxCatchUpHops: 100,
  /** What an append copies itself where an in-sync replica lacks something; more is left to the catch-up task. */
  gapCopyObjects: 16,
  gapCopyMs: 1000,
  /** How long an in-sync replica may lack something: Kafka's replica.lag.time.max.ms, a third of it. */
  replicaLagMs: 10_000,
  /** Topics after which a walk of the controller says how far it got. */
  walkTopics: 20,
  /** Steps that one visit of the controller takes with a partition: from fence to settled are fewer. */
  maxReconcileSteps: 16,
  /** Documents taken from each shard of the index of due work at once. */
  dueDocuments: 100,
  /** Tries of a probe before a storage node counts as unreachable. */
  probeTries: 2,
  /** When a new partition is looked at: its topic is stored by then, or it is postponed. */
  newHeadDueMs: 10_000,
  /** When a partition is looked at again that needs nothing but to be sealed one day. */
  settledRetryMs: 86_400_000,
  /** When a partition is looked at again whose leader or replicas wait for a node, or for copies. */
  leaderlessRetryMs: 10_000,
  /** Long: a node that comes up tells every partition by a walk. */
  waitRetryMs: 600_000,
  catchUpRetryMs: 30_000,
  /** How long a waking controller waits for another one's lease, and how often it asks. */
  leaseWaitMs: 6000,
  leasePollMs: 200,
  /** Rounds of one controller: nodes that change while it works are looked at again. */
  maxControllerRounds: 10,
  /** GETs under way for one fetch. */
  parallelGets: 8,
  /** Poll of the high watermark by a waiting fetch: doubles from the first to the second. */
  minWaitPollMs: 50,
  maxWaitPollMs: 250,
  /** A topic's document is read again after this, so that another environment's change of configs is seen. */
  topicCacheMs: 10_000,
  /** Entries of each cache of an environment. */
  maxCachedTopics: 10_000,
  maxCachedHeads: 10_000,
  /** Loads of a document that others keep changing; each loser waits for nothing, so a few are enough. */
  maxUpdateTries: 10,
  /** Documents of one page of a listing that a service walks. */
  listPage: 100,
  /** Rows of one request under way at once: about as many sockets as an SDK client of a document store opens. */
  parallelRows: 64,
  /** Batches with the latest timestamps that one look through a log keeps: only where more of them lie is a second one needed. */
  maxTimestampCandidates: 1000,
  /** Heads that one transaction puts: DynamoDB takes 100 actions, and 4 MB. */
  headsPerTransaction: 50,
  /** Documents written or read at once when a topic is created, described or deleted. */
  parallelDocuments: 16,
  /** How long a join or sync waits for the other members; then the client asks again. A waiting Lambda costs more than that. */
  groupWaitMs: 2000,
  /** After which the client asks again. */
  groupRetryMs: 200,
  /** Poll of a group by a waiting join or sync: doubles from the first to the second, and chance keeps members apart. */
  minGroupPollMs: 50,
  maxGroupPollMs: 500,
  /** Hundreds that wait would read their group's document, some 10 KiB then, more often than DynamoDB lets them. */
  groupPollMsPerMember: 5,
  /** Members of one group: their ids stand in a document that each of them writes when it joins. */
  maxGroupMembers: 1000,
} as const

/** Sizes and time-outs that services take from `Deps`. */
export type Limits = { readonly [name in keyof typeof LIMITS]: number }

/** Bytes of a request as they come over the wire: a Lambda takes 6 MB, of which base64 leaves 4.5. */
export const MAX_WIRE_BODY_BYTES = 4_500_000
/** Bytes of a request once `Content-Encoding` is undone. */
export const MAX_BODY_BYTES = 16 * 1024 * 1024
/** Bytes of all record batches of one produce request. */
export const MAX_PRODUCE_BYTES = 4 * 1024 * 1024
/** The largest `max.message.bytes` a topic may have: a batch travels in one request. */
export const MAX_BATCH_BYTES = 4 * 1024 * 1024
/** Bytes of a frame's JSON header. */
export const MAX_FRAME_HEADER_BYTES = 1024 * 1024
/** Bytes a compressed batch may expand to when it is read, and all that one request decompresses to check or recode. */
export const MAX_DECOMPRESSED_BYTES = 64 * 1024 * 1024
/** The most bytes a fetch answers with, but for a first batch that is larger. */
export const MAX_FETCH_BYTES = 4 * 1024 * 1024
/** The longest a produce waits for its acknowledgements. */
export const MAX_PRODUCE_TIMEOUT_MS = 20_000
/** Partitions of one topic: each is a head of its own. */
export const MAX_PARTITIONS = 1000
/** Partitions that one produce, fetch or list-offsets may name: as many as Kafka's max.request.partition.size.limit. */
export const MAX_REQUEST_PARTITIONS = 2000
/** Topics or resources that one request may name: more than any client does, and their configs fit into a Lambda's 6 MB. */
export const MAX_REQUEST_TOPICS = 1000
/** Partitions that one metadata answer describes: with all offsets they take 3 MB of the 6 MB that a Lambda may answer. */
export const MAX_METADATA_PARTITIONS = 10_000
/** Rows of one page of a listing: default and most. */
export const DEFAULT_PAGE_ROWS = 1000
export const MAX_PAGE_ROWS = 10_000
/** Bytes of a group's or a member's name in a key, which DynamoDB lets have 1,024. */
export const MAX_ENCODED_NAME_BYTES = 900
/** Assignors that one member offers: a client has four. */
export const MAX_GROUP_PROTOCOLS = 16
/** Bytes of one member's metadata or assignment: a thousand topics' names, and its document stays far below DynamoDB's 400 KiB. */
export const MAX_MEMBER_METADATA_BYTES = 64 * 1024
/** Bytes of all that one member offers: with its assignment it stays far below DynamoDB's 400 KiB, in base64 too. */
export const MAX_OFFERED_BYTES = 2 * MAX_MEMBER_METADATA_BYTES
/** Bytes of the names of a group's members, beyond which nobody joins: they stand in one document, and those of static members in each fence. */
export const MAX_GROUP_NAME_BYTES = 256 * 1024
/** Members that may leave by a plan which those of others commute with: each takes up to 60 bytes of DynamoDB's 4 KB. */
export const MAX_COMMUTING_DEPARTURES = 50
/** Members that one request may name, which is as many as a group may have. */
export const MAX_REQUEST_MEMBERS = 1000
/** Groups that one describe-groups or delete-groups may name. */
export const MAX_REQUEST_GROUPS = 100
/** Bytes of the text committed with an offset (Kafka's offset.metadata.max.bytes). */
export const MAX_OFFSET_METADATA_BYTES = 4096
/** Bytes of all such texts in one document of 50 partitions: each KiB of it costs every commit a write unit. */
export const MAX_DOCUMENT_METADATA_BYTES = 64 * 1024
