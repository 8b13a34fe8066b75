import { describeGroupsRequest } from '../shared/protocol/api/groups.ts'
import { describeGroups } from '../shared/service/describe-groups.ts'
import { api } from './handler.ts'

/** `POST /v1/describe-groups`: groups with their members (Kafka's DescribeGroups, API key 15). */
export const describeGroupsFunction = api({ request: describeGroupsRequest, run: describeGroups })
