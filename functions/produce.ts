import { produceRequest } from '../shared/protocol/api/produce.ts'
import { produce } from '../shared/service/produce.ts'
import { type Handler, parseRequest } from './handler.ts'
import { jsonResponse } from './http-types.ts'
import { FRAME_TYPE, JSON_TYPE } from './media-type.ts'
import { batchesOfFrame, batchesOfJson } from './produce-request.ts'

/** `POST /v1/produce`: append record batches to partitions (Kafka's Produce, API key 0). */
export const produceFunction: Handler = {
  accepts: (mediaType) => mediaType === FRAME_TYPE || mediaType === JSON_TYPE,
  wants: `${JSON_TYPE} or ${FRAME_TYPE}`,
  run: async (deps, call) => {
    const batches =
      call.mediaType === FRAME_TYPE
        ? batchesOfFrame(call.body)
        : batchesOfJson(deps, parseRequest(produceRequest, call.body))
    return jsonResponse(await produce(deps, batches))
  },
}
