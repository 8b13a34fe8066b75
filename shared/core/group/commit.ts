import { KafkaError } from '../../protocol/kafka-error.ts'
import type { Group } from './group.ts'
import { checkGeneration, checkMember, rebalanceInProgress } from './membership-checks.ts'
import type { Committer } from './offsets.ts'

/**
 * Whether a commit is taken while META is `group`: Kafka's `ClassicGroup.validateOffsetCommit`. Without a group a client
 * without a generation makes it.
 *
 * @throws KafkaError COORDINATOR_NOT_AVAILABLE when the group is being deleted
 * @throws KafkaError UNKNOWN_MEMBER_ID when the member is not in the group, or the group has members and the client is none
 * @throws KafkaError FENCED_INSTANCE_ID when the static member has another id by now
 * @throws KafkaError ILLEGAL_GENERATION when the group is in another generation, or there is no group
 * @throws KafkaError REBALANCE_IN_PROGRESS when the generation has no assignment yet
 */
export function checkCommit(group: Group | undefined, committer: Committer): void {
  const { generationId, memberId, groupInstanceId } = committer
  if (group === undefined) {
    if (generationId < 0) return
    // So a client of before version 9 is told, which joins anew; GROUP_ID_NOT_FOUND would end it.
    throw new KafkaError('ILLEGAL_GENERATION', `unknown group generationId=${generationId}`)
  }
  if (group.state === 'Dead') throw new KafkaError('COORDINATOR_NOT_AVAILABLE', 'group is being deleted')
  if (generationId < 0 && group.state === 'Empty') return
  if (generationId < 0 && memberId === '' && groupInstanceId === null) {
    throw new KafkaError(
      'UNKNOWN_MEMBER_ID',
      `group has members, and the client is none state=${group.state}`,
    )
  }
  checkMember(group, committer)
  checkGeneration(group, generationId)
  if (group.state === 'CompletingRebalance') throw rebalanceInProgress()
}
