import { fetchRequest } from '../shared/protocol/api/fetch.ts'
import { fetch } from '../shared/service/fetch.ts'
import { fetchFrame, fetchJson } from './fetch-answer.ts'
import { type Handler, parseRequest } from './handler.ts'
import { jsonResponse } from './http-types.ts'
import { acceptedTypes, FRAME_TYPE, JSON_TYPE } from './media-type.ts'

/** `POST /v1/fetch`: read partitions from offsets on (Kafka's Fetch, API key 1), as a frame or as decoded records. */
export const fetchFunction: Handler = {
  accepts: (mediaType) => mediaType === JSON_TYPE,
  wants: JSON_TYPE,
  run: async (deps, call) => {
    const request = parseRequest(fetchRequest, call.body)
    const fetched = await fetch(deps, request, call.signal)
    if (!acceptedTypes(call.headers.accept).includes(FRAME_TYPE)) {
      return jsonResponse(await fetchJson(deps, request, fetched))
    }
    return { status: 200, headers: { 'Content-Type': FRAME_TYPE }, body: fetchFrame(fetched) }
  },
}
