import type { PartitionMetadata } from '../shared/protocol/api/metadata.ts'
import { KafkaError } from '../shared/protocol/kafka-error.ts'
import { describeTopic } from '../shared/service/describe-topic.ts'
import { allTopics } from '../shared/service/topics.ts'
import type { Handler } from './handler.ts'
import { answerType, jsonResponse } from './http-types.ts'
import { pathPartition } from './rest-params.ts'

/** `GET /topics`: the names of all topics. */
export const restTopicsFunction: Handler = {
  run: async (deps) =>
    jsonResponse(
      (await allTopics(deps)).map(({ name }) => name),
      answerType('rest'),
    ),
}

/** `GET /topics/{topic}`: a topic with all its configs and partitions. */
export const restTopicFunction: Handler = {
  run: async (deps, { params }) => {
    const { name, configs, partitions } = await describeTopic(deps, params.topic ?? '')
    const answer = {
      name,
      configs: Object.fromEntries(configs.map((config) => [config.name, config.value])),
      partitions: partitions.map(restPartition),
    }
    return jsonResponse(answer, answerType('rest'))
  },
}

/** `GET /topics/{topic}/partitions`. */
export const restPartitionsFunction: Handler = {
  run: async (deps, { params }) => {
    const { partitions } = await describeTopic(deps, params.topic ?? '')
    return jsonResponse(partitions.map(restPartition), answerType('rest'))
  },
}

/** `GET /topics/{topic}/partitions/{partition}`. */
export const restPartitionFunction: Handler = {
  run: async (deps, { params }) => {
    const { topic = '', partition = '' } = params
    const { partitions } = await describeTopic(deps, topic)
    const found = partitions[pathPartition(partition)]
    if (found === undefined) {
      throw new KafkaError(
        'UNKNOWN_TOPIC_OR_PARTITION',
        `unknown partition topic=${topic} partition=${partition} partitionCount=${partitions.length}`,
        { restCode: 40402 },
      )
    }
    return jsonResponse(restPartition(found), answerType('rest'))
  },
}

/** A partition in REST Proxy v2's words: nodes are brokers. */
function restPartition(partition: PartitionMetadata) {
  const { partitionIndex, leaderId, replicaNodes, isrNodes } = partition
  return {
    partition: partitionIndex,
    leader: leaderId,
    replicas: replicaNodes.map((broker) => ({
      broker,
      leader: broker === leaderId,
      in_sync: isrNodes.includes(broker),
    })),
  }
}
