import { describeConfigsRequest } from '../shared/protocol/api/configs.ts'
import { describeConfigs } from '../shared/service/describe-configs.ts'
import { api } from './handler.ts'

/** `POST /v1/describe-configs`: configs of topics and of the cluster (Kafka's DescribeConfigs, API key 32). */
export const describeConfigsFunction = api({ request: describeConfigsRequest, run: describeConfigs })
