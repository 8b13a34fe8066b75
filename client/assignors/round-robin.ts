import {
  type Assignor,
  type AssignorMember,
  groupAssignment,
  type Handout,
  type PartitionsOfTopic,
  sortedMembers,
  subscribedTopics,
} from './assignor.ts'

/**
 * All partitions of all topics in order are dealt out to the members in turn; who does not subscribe to a topic is passed over
 * (Kafka's `RoundRobinAssignor`).
 */
export const roundRobinAssignor: Assignor = {
  name: 'roundrobin',
  supportedProtocols: ['EAGER'],
  assign: assignInTurn,
  subscriptionUserData: () => null,
}

function assignInTurn(members: readonly AssignorMember[], partitionsOfTopic: PartitionsOfTopic) {
  const sorted = sortedMembers(members)
  const handouts: Handout[] = []
  let turn = 0
  for (const { topic, partitionCount, subscribers } of subscribedTopics(sorted, partitionsOfTopic)) {
    for (let partition = 0; partition < partitionCount; partition += 1) {
      const member = subscribers.find((place) => place >= turn) ?? (subscribers[0] as number)
      handouts.push({ topic, partition, member })
      turn = (member + 1) % sorted.length
    }
  }
  return groupAssignment(sorted, handouts)
}
