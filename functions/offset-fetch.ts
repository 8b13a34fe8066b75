import { offsetFetchRequest } from '../shared/protocol/api/group-offsets.ts'
import { offsetFetch } from '../shared/service/offset-fetch.ts'
import { api } from './handler.ts'

/** `POST /v1/offset-fetch`: the committed offsets of a group (Kafka's OffsetFetch, API key 9). */
export const offsetFetchFunction = api({ request: offsetFetchRequest, run: offsetFetch })
