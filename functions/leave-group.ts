import { leaveGroupRequest } from '../shared/protocol/api/groups.ts'
import { leaveGroup } from '../shared/service/leave-group.ts'
import { api } from './handler.ts'

/** `POST /v1/leave-group`: leave a group, or remove static members from it (Kafka's LeaveGroup, API key 13). */
export const leaveGroupFunction = api({ request: leaveGroupRequest, run: leaveGroup })
