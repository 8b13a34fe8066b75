import { joinGroupRequest } from '../shared/protocol/api/groups.ts'
import { joinGroup } from '../shared/service/join-group.ts'
import { api } from './handler.ts'

/** `POST /v1/join-group`: become a member of a group's next generation (Kafka's JoinGroup, API key 11). */
export const joinGroupFunction = api({
  request: joinGroupRequest,
  run: (deps, request, headers) => joinGroup(deps, request, headers['x-client-id'] ?? ''),
})
