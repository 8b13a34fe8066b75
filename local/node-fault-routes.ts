import type { Handler } from '../functions/handler.ts'
import { jsonResponse } from '../functions/http-types.ts'
import type { RouteRow } from '../functions/router.ts'
import type { Local } from '../functions/wiring.ts'
import { endHoldDown } from '../shared/core/storage-node.ts'
import { NODE_ACTIONS, type NodeAction, type NodeActionResponse } from '../shared/protocol/api/node-faults.ts'
import { KafkaError } from '../shared/protocol/kafka-error.ts'
import { nodeKey } from '../shared/store/keys.ts'

/** Routes of the local service only: a deployment has none that break its storage nodes. */
export const NODE_FAULT_ROUTES: readonly RouteRow[] = NODE_ACTIONS.map((action) => ({
  method: 'POST',
  path: `/dev/nodes/{nodeId}:${action}`,
  api: apiOf(action),
}))

type NodeApi = `${NodeAction}Node`

/**
 * What answers `NODE_FAULT_ROUTES`. To fail, to hang and to wipe say nothing to the service, which is to find out by
 * itself, as it would have to elsewhere.
 */
export function nodeFaultHandlers({
  faults,
  wipe,
}: Pick<Local, 'faults' | 'wipe'>): Readonly<Record<NodeApi, Handler>> {
  const onNode = (act: (nodeId: number, deps: Local['deps']) => Promise<void>): Handler => ({
    run: async (deps, { params }) => {
      const nodeId = knownNode(deps, params.nodeId ?? '')
      await act(nodeId, deps)
      return jsonResponse({ nodeId, fault: faults.get(nodeId) ?? null } satisfies NodeActionResponse)
    },
  })
  return {
    failNode: onNode((nodeId) => faults.set(nodeId, 'fail')),
    hangNode: onNode((nodeId) => faults.set(nodeId, 'hang')),
    wipeNode: onNode((nodeId) => wipe(nodeId)),
    restoreNode: onNode(async (nodeId, deps) => {
      await faults.set(nodeId, undefined)
      await deps.documents.update(nodeKey(nodeId), endHoldDown())
      await deps.tasks.trigger({ task: 'controller' })
    }),
  }
}

function apiOf(action: NodeAction): NodeApi {
  return `${action}Node`
}

function knownNode({ nodes }: Local['deps'], text: string): number {
  const nodeId = /^(0|[1-9]\d{0,9})$/.test(text) ? Number(text) : -1
  if (nodes.has(nodeId)) return nodeId
  const message = `unknown storage node, ids are 0 to ${nodes.size - 1} node=${text.slice(0, MAX_SHOWN_LENGTH)}`
  throw new KafkaError('BROKER_ID_NOT_REGISTERED', message, { restCode: 404 })
}

/** What a caller sent may be of any length: no more of it than tells what it was. */
const MAX_SHOWN_LENGTH = 100
