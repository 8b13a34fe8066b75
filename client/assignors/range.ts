import {
  type Assignor,
  type AssignorMember,
  groupAssignment,
  type PartitionsOfTopic,
  sortedMembers,
  subscribedTopics,
} from './assignor.ts'

/**
 * Topic by topic, each subscriber gets one run of neighbouring partitions; the first ones get one more where it does not come
 * out even (Kafka's `RangeAssignor`). Topics with as many partitions and the same subscribers are shared out alike, so that
 * records of one key are with one member. Racks are not looked at.
 */
export const rangeAssignor: Assignor = {
  name: 'range',
  supportedProtocols: ['EAGER'],
  assign: assignRanges,
  subscriptionUserData: () => null,
}

function assignRanges(members: readonly AssignorMember[], partitionsOfTopic: PartitionsOfTopic) {
  const sorted = sortedMembers(members)
  const handouts = subscribedTopics(sorted, partitionsOfTopic).flatMap(
    ({ topic, partitionCount, subscribers }) => {
      const everyone = Math.floor(partitionCount / subscribers.length)
      const withOneMore = partitionCount % subscribers.length
      return subscribers.flatMap((member, at) => {
        const start = at * everyone + Math.min(at, withOneMore)
        const length = everyone + (at < withOneMore ? 1 : 0)
        return Array.from({ length }, (_, index) => ({ topic, partition: start + index, member }))
      })
    },
  )
  return groupAssignment(sorted, handouts)
}
