import type { HandlersOf } from '../handler.ts'
import { restBrokersFunction, restHealthFunction, restRootFunction } from '../rest-cluster.ts'
import { restOffsetsFunction } from '../rest-offsets.ts'
import { restProduceFunction } from '../rest-produce.ts'
import { restRecordsFunction } from '../rest-records.ts'
import {
  restPartitionFunction,
  restPartitionsFunction,
  restTopicFunction,
  restTopicsFunction,
} from '../rest-topics.ts'

/** What the rest function answers; whatever else reaches it is an unknown path or method. */
export const REST_HANDLERS: HandlersOf<'rest'> = {
  restRoot: restRootFunction,
  restHealth: restHealthFunction,
  restBrokers: restBrokersFunction,
  restTopics: restTopicsFunction,
  restTopic: restTopicFunction,
  restProduce: restProduceFunction,
  restPartitions: restPartitionsFunction,
  restPartition: restPartitionFunction,
  restOffsets: restOffsetsFunction,
  restRecords: restRecordsFunction,
}
