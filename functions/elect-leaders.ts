import { electLeadersRequest } from '../shared/protocol/api/elect-leaders.ts'
import { electLeaders } from '../shared/service/elect-leaders.ts'
import { api } from './handler.ts'

/** `POST /v1/elect-leaders`: preferred leaders, or leaders at the price of data (Kafka's ElectLeaders, API key 43). */
export const electLeadersFunction = api({ request: electLeadersRequest, run: electLeaders })
