import { catchUp } from '../../shared/service/catch-up.ts'
import { runController } from '../../shared/service/controller.ts'
import { readNodes } from '../../shared/service/nodes.ts'
import type { Task } from '../../shared/store/task-trigger.ts'
import type { TestDeps } from './test-deps.ts'

/** What is wrong with a storage node: every call fails, or none is ever answered. */
export type Trouble = 'fails' | 'hangs'

/** Storage nodes that do nothing until they are healed; nothing is copied from them either. */
export interface Troubles {
  readonly of: ReadonlyMap<number, Trouble>
  /** Undefined heals the node. */
  set(nodeId: number, trouble: Trouble | undefined): void
}

/** Takes over the scripts of all storage nodes. */
export function nodeTroubles(deps: TestDeps): Troubles {
  const troubles = new Map<number, Trouble>()
  const byLocation = new Map([...deps.nodes].map(([nodeId, { location }]) => [location, nodeId]))
  for (const [nodeId, node] of deps.nodes) {
    node.faults.always(({ from }) => {
      const source = from === undefined ? undefined : byLocation.get(from)
      const fault = troubles.get(nodeId) ?? (source === undefined ? undefined : troubles.get(source))
      return fault === undefined ? undefined : { fault }
    })
  }
  return {
    of: troubles,
    set: (nodeId, trouble) => {
      if (trouble === undefined) troubles.delete(nodeId)
      else troubles.set(nodeId, trouble)
    },
  }
}

/** Lets time pass until `work` is done: time-outs fire. */
export async function asTimePasses<R>({ clock }: TestDeps, work: Promise<R>): Promise<R> {
  let done = false
  const passing = (async () => {
    while (!done) await clock.sleep(100)
  })()
  try {
    return await work
  } finally {
    done = true
    await passing
  }
}

/** The storage node as its document has it. */
export async function nodeNow(deps: TestDeps, nodeId: number) {
  const node = (await readNodes({ documents: deps.documents.store, nodes: deps.nodes })).get(nodeId)
  if (node === undefined) throw new Error(`there is no such node: ${nodeId}`)
  return node
}

/** Does what was asked for so far, and what that asks for. */
export async function runTriggered(deps: TestDeps): Promise<void> {
  for (let task = deps.triggered.shift(); task !== undefined; task = deps.triggered.shift()) {
    await runTask(deps, task)
  }
}

/** Does one task. */
export function runTask(deps: TestDeps, task: Task): Promise<void> {
  return asTimePasses(deps, task.task === 'controller' ? runController(deps) : catchUp(deps, task))
}
