import { offsetRange } from '../shared/service/rest-offsets.ts'
import type { Handler } from './handler.ts'
import { answerType, jsonResponse } from './http-types.ts'
import { pathPartition } from './rest-params.ts'

/** `GET /topics/{topic}/partitions/{partition}/offsets`: where the partition begins and ends. */
export const restOffsetsFunction: Handler = {
  run: async (deps, { params }) => {
    const { topic = '', partition = '' } = params
    const range = await offsetRange(deps, { topic, partition: pathPartition(partition) })
    const answer = { beginning_offset: range.beginningOffset, end_offset: range.endOffset }
    return jsonResponse(answer, answerType('rest'))
  },
}
