import { describeNodes } from '../shared/service/describe-cluster.ts'
import { checkHealth } from '../shared/service/health.ts'
import type { Handler } from './handler.ts'
import { answerType, jsonResponse } from './http-types.ts'

/** `GET /`: nothing but that it is there, as in REST Proxy v2. */
export const restRootFunction: Handler = {
  run: async () => jsonResponse({}, answerType('rest')),
}

/** `GET /healthz`: 200 once produce would work. */
export const restHealthFunction: Handler = {
  run: async (deps) => {
    await checkHealth(deps)
    return jsonResponse({}, answerType('rest'))
  },
}

/** `GET /brokers`: the ids of the storage nodes. */
export const restBrokersFunction: Handler = {
  run: async (deps) => {
    const nodes = await describeNodes(deps)
    return jsonResponse({ brokers: nodes.map(({ nodeId }) => nodeId) }, answerType('rest'))
  },
}
