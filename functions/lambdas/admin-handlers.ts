import { alterConfigsFunction } from '../alter-configs.ts'
import { createPartitionsFunction } from '../create-partitions.ts'
import { createTopicsFunction } from '../create-topics.ts'
import { deleteTopicsFunction } from '../delete-topics.ts'
import { describeClusterFunction } from '../describe-cluster.ts'
import { describeConfigsFunction } from '../describe-configs.ts'
import { electLeadersFunction } from '../elect-leaders.ts'
import type { HandlersOf } from '../handler.ts'
import { metadataFunction } from '../metadata.ts'

/** What the admin function answers: topics, configs and the cluster. */
export const ADMIN_HANDLERS: HandlersOf<'admin'> = {
  metadata: metadataFunction,
  createTopics: createTopicsFunction,
  deleteTopics: deleteTopicsFunction,
  createPartitions: createPartitionsFunction,
  describeConfigs: describeConfigsFunction,
  alterConfigs: alterConfigsFunction,
  electLeaders: electLeadersFunction,
  describeCluster: describeClusterFunction,
}
