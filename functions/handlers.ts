import { createTopicsFunction } from './create-topics.ts'
import { deleteTopicsFunction } from './delete-topics.ts'
import { describeClusterFunction } from './describe-cluster.ts'
import { describeConfigsFunction } from './describe-configs.ts'
import { fetchFunction } from './fetch.ts'
import type { Handler } from './handler.ts'
import { listOffsetsFunction } from './list-offsets.ts'
import { metadataFunction } from './metadata.ts'
import { produceFunction } from './produce.ts'
import { restBrokersFunction, restHealthFunction, restRootFunction } from './rest-cluster.ts'
import { restOffsetsFunction } from './rest-offsets.ts'
import { restProduceFunction } from './rest-produce.ts'
import { restRecordsFunction } from './rest-records.ts'
import {
  restPartitionFunction,
  restPartitionsFunction,
  restTopicFunction,
  restTopicsFunction,
} from './rest-topics.ts'
import type { ApiName } from './routes.ts'

/** What answers each route: a route without a handler does not compile. */
export const HANDLERS: { readonly [api in ApiName]: Handler } = {
  produce: produceFunction,
  fetch: fetchFunction,
  listOffsets: listOffsetsFunction,
  metadata: metadataFunction,
  createTopics: createTopicsFunction,
  deleteTopics: deleteTopicsFunction,
  describeConfigs: describeConfigsFunction,
  describeCluster: describeClusterFunction,
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
