import { assert, KafkaError } from '../protocol/kafka-error.ts'
import type { ObjectStore } from '../store/object-store.ts'

/** How a storage node is out of order: it refuses every call at once, or answers none. */
export type NodeFault = 'fail' | 'hang'

/** Storage nodes that can be put out of order, with what turns their faults on and off. */
export interface FaultableNodes {
  readonly nodes: ReadonlyMap<number, ObjectStore>
  /** The node's fault now. */
  get(nodeId: number): NodeFault | undefined
  /** Begins a fault in place of the one before, or ends it: undefined. Calls that hang by a fault that ends are refused. */
  set(nodeId: number, fault: NodeFault | undefined): void
}

/**
 * Storage nodes for development, the same as `nodes` until one is put out of order. Every call of such a node, and every
 * copy from it, then rejects with KAFKA_STORAGE_ERROR and has no effect: at once (`fail`), or when its signal aborts or
 * the fault ends (`hang`). A call that is under way when a fault begins is not concerned.
 */
export function faultableNodes(nodes: ReadonlyMap<number, ObjectStore>): FaultableNodes {
  const switches = new Map([...nodes.keys()].map((nodeId) => [nodeId, faultSwitch(nodeId)]))
  const switchAt = new Map([...nodes].map(([nodeId, { location }]) => [location, switches.get(nodeId)]))
  return {
    nodes: new Map([...nodes].map(([nodeId, node]) => [nodeId, faultableNode(node, switchAt)])),
    get: (nodeId) => switches.get(nodeId)?.fault(),
    set: (nodeId, fault) => {
      const own = switches.get(nodeId)
      assert(own !== undefined, `storage node is unknown node=${nodeId}`)
      own.set(fault)
    },
  }
}

type SwitchAt = ReadonlyMap<string, FaultSwitch | undefined>

function faultableNode(node: ObjectStore, switchAt: SwitchAt): ObjectStore {
  const own = [switchAt.get(node.location)]
  return {
    location: node.location,
    put: (key, chunks, signal) => unlessFaulty(own, signal, () => node.put(key, chunks, signal)),
    putIfAbsent: (key, chunks, signal) =>
      unlessFaulty(own, signal, () => node.putIfAbsent(key, chunks, signal)),
    get: (key, range, signal) => unlessFaulty(own, signal, () => node.get(key, range, signal)),
    copyFrom: (source, key, signal) =>
      unlessFaulty([...own, switchAt.get(source)], signal, () => node.copyFrom(source, key, signal)),
  }
}

/** What `call` answers, unless one of the nodes that take part in it is out of order. */
function unlessFaulty<Answer>(
  switches: readonly (FaultSwitch | undefined)[],
  signal: AbortSignal,
  call: () => Promise<Answer>,
): Promise<Answer> {
  const failing = switches.find((each) => each?.fault() === 'fail')
  const faulty = failing ?? switches.find((each) => each?.fault() === 'hang')
  return faulty === undefined ? call() : faulty.refuse(signal)
}

interface FaultSwitch {
  fault(): NodeFault | undefined
  set(fault: NodeFault | undefined): void
  /** Rejects as the fault has it. */
  refuse(signal: AbortSignal): Promise<never>
}

function faultSwitch(nodeId: number): FaultSwitch {
  let current: NodeFault | undefined
  const hanging = new Set<() => void>()
  return {
    fault: () => current,
    set: (fault) => {
      if (fault === current) return
      current = fault
      for (const end of hanging) end()
    },
    refuse: (signal) =>
      new Promise((_, reject) => {
        const end = () => {
          hanging.delete(end)
          signal.removeEventListener('abort', end)
          reject(new KafkaError('KAFKA_STORAGE_ERROR', `storage node is out of order node=${nodeId}`))
        }
        if (current === 'fail' || signal.aborted) return end()
        hanging.add(end)
        signal.addEventListener('abort', end)
      }),
  }
}
