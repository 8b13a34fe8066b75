import { syncGroupRequest } from '../shared/protocol/api/groups.ts'
import { syncGroup } from '../shared/service/sync-group.ts'
import { api } from './handler.ts'

/** `POST /v1/sync-group`: hand in the assignments as the leader, and get one's own (Kafka's SyncGroup, API key 14). */
export const syncGroupFunction = api({ request: syncGroupRequest, run: syncGroup })
