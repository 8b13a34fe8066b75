/** Whether a request that failed may still have changed something. */
export type Effect = 'none' | 'unknown'

/** What a client may do about an error, and how it looks over HTTP. */
export interface ErrorFacts {
  /** Kafka's number for it, as in `org.apache.kafka.common.protocol.Errors`. */
  readonly code: number
  /** Kafka's own verdict: the same request may succeed later. */
  readonly retriable: boolean
  /** HTTP status when the error is the whole answer, not one row of it. */
  readonly httpStatus: number
  readonly effect: Effect
}

const caller = (code: number): ErrorFacts => ({ code, retriable: false, httpStatus: 400, effect: 'none' })
const wait = (code: number): ErrorFacts => ({ code, retriable: true, httpStatus: 503, effect: 'none' })
const server = (code: number): ErrorFacts => ({ code, retriable: false, httpStatus: 500, effect: 'none' })
const stale = (code: number, httpStatus: number): ErrorFacts => ({
  code,
  retriable: true,
  httpStatus,
  effect: 'none',
})
const refused = (code: number, httpStatus: number): ErrorFacts => ({
  code,
  retriable: false,
  httpStatus,
  effect: 'none',
})
const unknownEffect = (code: number, retriable: boolean, httpStatus: number): ErrorFacts => ({
  code,
  retriable,
  httpStatus,
  effect: 'unknown',
})

/**
 * Kafka's errors. Codes are the protocol: they never change, and a name is never used for another fact.
 *
 * `effect` is `none` only for errors raised where no write can be in flight.
 */
export const ERRORS = {
  UNKNOWN_SERVER_ERROR: unknownEffect(-1, false, 500),
  OFFSET_OUT_OF_RANGE: caller(1),
  CORRUPT_MESSAGE: stale(2, 400),
  UNKNOWN_TOPIC_OR_PARTITION: stale(3, 404),
  LEADER_NOT_AVAILABLE: wait(5),
  NOT_LEADER_OR_FOLLOWER: wait(6),
  REQUEST_TIMED_OUT: unknownEffect(7, true, 503),
  MESSAGE_TOO_LARGE: refused(10, 413),
  OFFSET_METADATA_TOO_LARGE: caller(12),
  NETWORK_EXCEPTION: unknownEffect(13, true, 503),
  COORDINATOR_NOT_AVAILABLE: wait(15),
  INVALID_TOPIC_EXCEPTION: caller(17),
  NOT_ENOUGH_REPLICAS: wait(19),
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: unknownEffect(20, true, 503),
  INVALID_REQUIRED_ACKS: caller(21),
  ILLEGAL_GENERATION: caller(22),
  INCONSISTENT_GROUP_PROTOCOL: caller(23),
  INVALID_GROUP_ID: caller(24),
  UNKNOWN_MEMBER_ID: caller(25),
  INVALID_SESSION_TIMEOUT: caller(26),
  REBALANCE_IN_PROGRESS: caller(27),
  TOPIC_AUTHORIZATION_FAILED: refused(29, 403),
  GROUP_AUTHORIZATION_FAILED: refused(30, 403),
  CLUSTER_AUTHORIZATION_FAILED: refused(31, 403),
  INVALID_TIMESTAMP: caller(32),
  UNSUPPORTED_VERSION: caller(35),
  TOPIC_ALREADY_EXISTS: caller(36),
  INVALID_PARTITIONS: caller(37),
  INVALID_REPLICATION_FACTOR: caller(38),
  INVALID_REPLICA_ASSIGNMENT: caller(39),
  INVALID_CONFIG: caller(40),
  NOT_CONTROLLER: wait(41),
  INVALID_REQUEST: caller(42),
  POLICY_VIOLATION: caller(44),
  OUT_OF_ORDER_SEQUENCE_NUMBER: caller(45),
  DUPLICATE_SEQUENCE_NUMBER: caller(46),
  INVALID_PRODUCER_EPOCH: caller(47),
  INVALID_TXN_STATE: caller(48),
  INVALID_PRODUCER_ID_MAPPING: caller(49),
  INVALID_TRANSACTION_TIMEOUT: caller(50),
  CONCURRENT_TRANSACTIONS: wait(51),
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: refused(53, 403),
  KAFKA_STORAGE_ERROR: wait(56),
  SASL_AUTHENTICATION_FAILED: refused(58, 401),
  UNKNOWN_PRODUCER_ID: caller(59),
  NON_EMPTY_GROUP: caller(68),
  GROUP_ID_NOT_FOUND: caller(69),
  FENCED_LEADER_EPOCH: stale(74, 400),
  UNKNOWN_LEADER_EPOCH: wait(75),
  UNSUPPORTED_COMPRESSION_TYPE: caller(76),
  OFFSET_NOT_AVAILABLE: wait(78),
  MEMBER_ID_REQUIRED: caller(79),
  PREFERRED_LEADER_NOT_AVAILABLE: wait(80),
  GROUP_MAX_SIZE_REACHED: caller(81),
  FENCED_INSTANCE_ID: caller(82),
  ELIGIBLE_LEADERS_NOT_AVAILABLE: wait(83),
  ELECTION_NOT_NEEDED: wait(84),
  GROUP_SUBSCRIBED_TO_TOPIC: caller(86),
  INVALID_RECORD: caller(87),
  UNSTABLE_OFFSET_COMMIT: wait(88),
  THROTTLING_QUOTA_EXCEEDED: stale(89, 429),
  PRODUCER_FENCED: caller(90),
  RESOURCE_NOT_FOUND: server(91),
  UNKNOWN_TOPIC_ID: stale(100, 404),
  BROKER_ID_NOT_REGISTERED: refused(102, 404),
  INCONSISTENT_TOPIC_ID: stale(103, 400),
  TRANSACTIONAL_ID_NOT_FOUND: refused(105, 404),
} as const satisfies Record<string, ErrorFacts>

/** The name of a Kafka error, as clients and logs spell it. */
export type ErrorName = keyof typeof ERRORS
