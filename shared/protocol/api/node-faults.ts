/** What `POST /dev/nodes/{id}:<action>` does to a storage node of a service for development. */
export const NODE_ACTIONS = ['fail', 'hang', 'restore', 'wipe'] as const

export type NodeAction = (typeof NODE_ACTIONS)[number]

/** The answer of each: the node as it is now. */
export interface NodeActionResponse {
  readonly nodeId: number
  readonly fault: 'fail' | 'hang' | null
}
