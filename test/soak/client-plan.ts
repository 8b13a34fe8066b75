/** What one life of a client process is told on its command line, as JSON. */
export interface ClientPlan {
  readonly kind: 'producer' | 'consumer'
  /** Which client it is, and which of its lives this is, from 0 on. */
  readonly client: number
  readonly life: number
  readonly seed: number
  readonly topic: { readonly name: string; readonly topicId: string; readonly partitions: number }
  /** Where the service listens now: the file is replaced when it listens elsewhere. */
  readonly endpointFile: string
  readonly historyFile: string
  /** Where a consumer keeps its position, as a committed offset would be: it goes on from there after its death. */
  readonly positionFile: string
  /** Of a producer. */
  readonly acks: -1 | 0 | 1
  readonly isIdempotent: boolean
}

/** Where a consumer goes on, and the leader epoch of what it read last (KIP-320). */
export interface Position {
  readonly offset: number
  readonly epoch: number
}

/** Producer ids of one life of a client: each batch of unknown effect costs one. */
export const IDS_PER_LIFE = 100_000
/** Lives of one client. */
export const MAX_LIVES = 10_000
