import { listGroupsRequest } from '../shared/protocol/api/groups.ts'
import { listGroups } from '../shared/service/list-groups.ts'
import { api } from './handler.ts'

/** `POST /v1/list-groups`: a page of all groups (Kafka's ListGroups, API key 16). */
export const listGroupsFunction = api({ request: listGroupsRequest, run: listGroups })
