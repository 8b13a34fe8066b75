import type { GroupState } from '../../protocol/api/groups.ts'

/**
 * A consumer group as its coordinator keeps it: the document META of the group. What only one member changes (when it was
 * last heard of, what it offers, what it was assigned) stands in that member's own document.
 */
export interface Group {
  /** When it was made: a group that is deleted and made anew is another one, though its versions begin anew. 0 before that. */
  readonly bornAtMs: number
  readonly state: GroupState
  /** Rises with every completed rebalance, and never falls: a group that is deleted takes it along until it is gone. */
  readonly generationId: number
  /** Of the members there are, or were last; '' before the first. */
  readonly protocolType: string
  /** The assignor that all members of this generation offer; '' without a generation. */
  readonly protocolName: string
  /** Member that computes the assignment; '' while there is none. */
  readonly leader: string
  /** While a rebalance is prepared, the members that joined again; else the members of the generation. */
  readonly joined: Readonly<Record<string, true>>
  /** While a rebalance is prepared, the members that did not join again yet; else nobody. */
  readonly awaited: Readonly<Record<string, true>>
  /** The assignors that all members offer: whoever joins must offer one of them, and takes away those it does not. */
  readonly commonProtocols: Readonly<Record<string, true>>
  /** The member that a static member's name stands for. */
  readonly instances: Readonly<Record<string, string>>
  /** How long a rebalance may take: as long as the most patient member of the last generation wants it to. */
  readonly rebalanceTimeoutMs: number
  /** When the first members of an empty group began to wait for others to come; 0 in a rebalance that is no first one. */
  readonly initialSinceMs: number
  /** When a prepared rebalance completes with those that joined, and a completing one begins anew. 0 in other states. */
  readonly rebalanceEndsAtMs: number
  /** Until then no member can have expired: nobody lists them. */
  readonly nextExpiryCheckMs: number
  /**
   * When the last member left, or, to about a minute, when offsets were last committed since; 0 while there is a member.
   * Offsets are kept for `offsets.retention.minutes` from then on.
   */
  readonly emptySinceMs: number
}

/** A group that nobody joined yet. */
export const NEW_GROUP: Group = {
  bornAtMs: 0,
  state: 'Empty',
  generationId: 0,
  protocolType: '',
  protocolName: '',
  leader: '',
  joined: {},
  awaited: {},
  commonProtocols: {},
  instances: {},
  rebalanceTimeoutMs: 0,
  initialSinceMs: 0,
  rebalanceEndsAtMs: 0,
  nextExpiryCheckMs: 0,
  emptySinceMs: 0,
}

/** A member of a group: its own document, which only its requests and its expiry change. */
export interface Member {
  readonly memberId: string
  readonly groupInstanceId: string | undefined
  /** `X-Client-Id` of the request it joined with. */
  readonly clientId: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocolType: string
  /** What it offers, the most wanted first; `metadata` is base64. */
  readonly protocols: readonly { readonly name: string; readonly metadata: string }[]
  /** The group's generation when it began to offer just this, which counts from the next one on; −1 when that is not known. */
  readonly offeredGeneration: number
  /** It is gone when nothing is heard of it until then. */
  readonly expiresAtMs: number
  /** The generation in which it last asked for its assignment; −1 before the first. */
  readonly syncedGeneration: number
  /** The generation whose assignment `assignment` is (base64); −1 before the first. */
  readonly assignedGeneration: number
  readonly assignment: string
}

/**
 * What a commit is checked against, beside the offsets that it changes (design: fence of commits): it follows META document
 * by document, after META took a generation and before that is Stable.
 */
export interface OffsetsFence {
  /** When the group was made that this is of. */
  readonly bornAtMs: number
  readonly generationId: number
  /** Version of META that this stood in: a fence never goes back, within a generation neither. */
  readonly groupVersion: number
  /** The member that a static member's name stands for. */
  readonly instances: Readonly<Record<string, string>>
}

/** Offsets committed for up to 50 partitions of one topic, and their fence: a document `OFFSETS#`. */
export interface GroupOffsets {
  readonly topicName: string
  readonly fence: OffsetsFence
  /** What the bytes of all metadata below come to, or more: a commit does not know those that it replaces. */
  readonly metadataBytes: number
  /** By partition index. */
  readonly offsets: Readonly<Record<string, CommittedOffset>>
}

/** What was committed for one partition. */
export interface CommittedOffset {
  readonly offset: number
  /** −1 when the committer did not know it. */
  readonly leaderEpoch: number
  readonly metadata: string
  readonly committedAtMs: number
}
