import { KafkaError } from '../shared/protocol/kafka-error.ts'
import { produceRecords, type RecordOutcome } from '../shared/service/rest-produce.ts'
import { errorResponse } from './envelope.ts'
import type { Handler } from './handler.ts'
import { answerType, jsonResponse } from './http-types.ts'
import { embeddedFormat, NDJSON_TYPE } from './media-type.ts'
import { pathPartition } from './rest-params.ts'
import { recordsOfBody } from './rest-produce-request.ts'

/** `POST /topics/{topic}[/partitions/{partition}]`: append records (Confluent's REST Proxy v2), or JSON values alone. */
export const restProduceFunction: Handler = {
  accepts: (mediaType) => mediaType === NDJSON_TYPE || embeddedFormat(mediaType) !== undefined,
  wants: `application/vnd.kafka.json.v2+json, application/vnd.kafka.binary.v2+json, application/json or ${NDJSON_TYPE}`,
  run: async (deps, call) => {
    const { topic = '', partition } = call.params
    const records = recordsOfBody(call.mediaType, call.body, {
      partition: partition === undefined ? undefined : pathPartition(partition),
      timestamp: deps.clock.nowMs(),
    })
    const outcomes = await produceRecords(deps, { topic, records })
    const failure = nothingLanded(outcomes)
    if (failure !== undefined) {
      return errorResponse(failure.error, {
        requestId: call.requestId,
        dialect: 'rest',
        effect: failure.effect,
      })
    }
    const answer = { offsets: outcomes.map(offsetRow), key_schema_id: null, value_schema_id: null }
    return jsonResponse(answer, answerType('rest'))
  },
}

/** A shipper looks at the status alone: a 200 for a request of which nothing was written would lose its records. */
function nothingLanded(outcomes: readonly RecordOutcome[]) {
  const failures = outcomes.filter((outcome) => 'errorName' in outcome)
  const [first] = failures
  if (first === undefined || failures.length < outcomes.length) return undefined
  // The topic was found before any record was routed, so what is unknown is the partition.
  const restCode = first.errorName === 'UNKNOWN_TOPIC_OR_PARTITION' ? { restCode: 40402 } : {}
  return {
    error: new KafkaError(first.errorName, first.errorMessage, restCode),
    effect: failures.some(({ effect }) => effect === 'unknown') ? 'unknown' : 'none',
  } as const
}

function offsetRow(outcome: RecordOutcome) {
  if ('errorName' in outcome) {
    return {
      partition: null,
      offset: null,
      error_code: outcome.errorCode,
      error: outcome.errorMessage,
      kafka_error: outcome.errorName,
      effect: outcome.effect,
    }
  }
  return { partition: outcome.partition, offset: outcome.offset, error_code: null, error: null }
}
