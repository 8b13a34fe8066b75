import type { StratologError } from '../errors.ts'

/**
 * What a member does about an error of the group's APIs: `retry` the call after a while; `rejoin` with what it has;
 * `loseGeneration`, or its member id as well, then rejoin: its partitions are another's by now; end as `fatal`.
 */
export type MemberReaction = 'retry' | 'rejoin' | 'loseGeneration' | 'loseMember' | 'fatal'

/** Kafka's `AbstractCoordinator`, the response handlers of join, sync and heartbeat. */
export function reactionTo(error: StratologError): MemberReaction {
  switch (error.errorName) {
    case 'REBALANCE_IN_PROGRESS':
    case 'MEMBER_ID_REQUIRED':
      return 'rejoin'
    case 'ILLEGAL_GENERATION':
      return 'loseGeneration'
    case 'UNKNOWN_MEMBER_ID':
      return 'loseMember'
    default:
      return error.retriable ? 'retry' : 'fatal'
  }
}
