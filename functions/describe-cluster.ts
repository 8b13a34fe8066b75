import { describeClusterRequest } from '../shared/protocol/api/cluster.ts'
import { describeCluster } from '../shared/service/describe-cluster.ts'
import { api } from './handler.ts'

/** `POST /v1/describe-cluster`: the controller and the storage nodes (Kafka's DescribeCluster, API key 60). */
export const describeClusterFunction = api({ request: describeClusterRequest, run: describeCluster })
