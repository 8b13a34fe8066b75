import { listOffsetsRequest } from '../shared/protocol/api/list-offsets.ts'
import { listOffsets } from '../shared/service/list-offsets.ts'
import { api } from './handler.ts'

/** `POST /v1/list-offsets`: offsets by timestamp, or the first and the last (Kafka's ListOffsets, API key 2). */
export const listOffsetsFunction = api({ request: listOffsetsRequest, run: listOffsets })
