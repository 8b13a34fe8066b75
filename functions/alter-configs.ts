import { alterConfigsRequest } from '../shared/protocol/api/configs.ts'
import { alterConfigs } from '../shared/service/alter-configs.ts'
import { api } from './handler.ts'

/** `POST /v1/alter-configs`: changes configs of topics one by one (Kafka's IncrementalAlterConfigs, API key 44). */
export const alterConfigsFunction = api({ request: alterConfigsRequest, run: alterConfigs })
