import { offsetForLeaderEpochRequest } from '../shared/protocol/api/offset-for-leader-epoch.ts'
import { offsetForLeaderEpoch } from '../shared/service/offset-for-leader-epoch.ts'
import { api } from './handler.ts'

/** `POST /v1/offset-for-leader-epoch`: where leader epochs ended (Kafka's OffsetForLeaderEpoch, API key 23). */
export const offsetForLeaderEpochFunction = api({
  request: offsetForLeaderEpochRequest,
  run: offsetForLeaderEpoch,
})
