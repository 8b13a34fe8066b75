import { heartbeatRequest } from '../shared/protocol/api/groups.ts'
import { heartbeat } from '../shared/service/heartbeat.ts'
import { api } from './handler.ts'

/** `POST /v1/heartbeat`: stay a member of a group (Kafka's Heartbeat, API key 12). */
export const heartbeatFunction = api({ request: heartbeatRequest, run: heartbeat })
