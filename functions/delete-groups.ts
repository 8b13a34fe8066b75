import { deleteGroupsRequest } from '../shared/protocol/api/groups.ts'
import { deleteGroups } from '../shared/service/delete-groups.ts'
import { api } from './handler.ts'

/** `POST /v1/delete-groups`: removes groups without members (Kafka's DeleteGroups, API key 42). */
export const deleteGroupsFunction = api({ request: deleteGroupsRequest, run: deleteGroups })
