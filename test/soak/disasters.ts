import { setTimeout as wait } from 'node:timers/promises'
import type { NodeAction } from '../../shared/protocol/api/node-faults.ts'
import { isFull, type ReplicatedTopic } from '../support/replicated-topic.ts'
import type { StagedService } from '../support/replication-stage.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import type { Fleet } from './client-fleet.ts'

/** What befalls a run, and how often it did so far. */
export interface Disasters {
  readonly counts: Readonly<Record<string, number>>
  /** No more of them from now on; resolves when the service runs and each storage node is well. */
  end(): Promise<void>
}

/** The parts of a run that something may befall. */
export interface Victims {
  readonly service: StagedService
  /** Says where the service listens now. */
  readonly moved: () => Promise<void>
  readonly topic: ReplicatedTopic
  readonly fleet: Fleet
  readonly random: SeededRandom
  readonly nodes: number
}

/** From one kill of a client, one of the service, and one trouble of a storage node to the next. */
const CLIENT_PACE_MS = { min: 300, max: 2500 }
const SERVICE_PACE_MS = { min: 3000, max: 12_000 }
const NODE_PACE_MS = { min: 300, max: 3000 }
const DEAD_MS = { min: 0, max: 800 }
const TROUBLE_MS = { min: 200, max: 7000 }
/** One trouble in so many befalls two nodes, or takes a node's data instead. */
const TWO_ONE_IN = 5
const WIPE_ONE_IN = 4

/** Kills clients and the service, and troubles storage nodes, each at random, until it is told to end. */
export function startDisasters(victims: Victims): Disasters {
  const { service, moved, topic, fleet, random, nodes } = victims
  const counts: Record<string, number> = {}
  const ended = new AbortController()
  const count = (what: string) => {
    counts[what] = (counts[what] ?? 0) + 1
  }
  const isOver = () => ended.signal.aborted
  const pause = ({ min, max }: { min: number; max: number }) =>
    wait(random.integer(min, max), undefined, { signal: ended.signal }).catch(() => undefined)
  const exclusive = oneAfterTheOther()

  const killClients = async () => {
    for (;;) {
      await pause(CLIENT_PACE_MS)
      if (isOver()) return
      const client = random.integer(0, fleet.clients - 1)
      await fleet.kill(client)
      count('client kills')
      await pause(DEAD_MS)
      fleet.start(client)
    }
  }

  const killService = async () => {
    for (;;) {
      await pause(SERVICE_PACE_MS)
      if (isOver()) return
      await exclusive(async () => {
        await service.kill()
        count('service kills')
        await pause(DEAD_MS)
        await service.restart()
        await moved()
      })
    }
  }

  const act = (nodeId: number, action: NodeAction) => {
    count(`${action}s`)
    return exclusive(() => topic.node(nodeId, action))
  }

  const troubleNodes = async () => {
    const wiper = newWiper(topic)
    for (;;) {
      await pause(NODE_PACE_MS)
      if (isOver()) return
      const first = random.integer(0, nodes - 1)
      const wantsWipe = random.integer(1, WIPE_ONE_IN) === 1
      // While the service takes requests and no other fault is on: only a node that was lost is still to be found out.
      if (wantsWipe && (await exclusive(() => wiper.mayWipe()))) {
        const before = await topic.incarnation(first)
        await act(first, 'wipe')
        wiper.wiped(first, before)
        continue
      }
      const action = random.integer(0, 1) === 0 ? 'fail' : 'hang'
      const second = (first + random.integer(1, nodes - 1)) % nodes
      const struck = random.integer(1, TWO_ONE_IN) === 1 ? [first, second] : [first]
      for (const nodeId of struck) await act(nodeId, action)
      await pause(TROUBLE_MS)
      for (const nodeId of struck) await act(nodeId, 'restore')
    }
  }

  const running = [killClients(), killService(), troubleNodes()]
  const failed = Promise.all(running)
  failed.catch(() => undefined) // told by `end`
  return {
    counts,
    end: async () => {
      ended.abort()
      await failed
      for (let nodeId = 0; nodeId < nodes; nodeId += 1) await topic.node(nodeId, 'restore')
    },
  }
}

/** A node may lose its data only when every other copy of the last one's is whole again: a second one would be the last copy. */
function newWiper(topic: ReplicatedTopic) {
  let last: { readonly nodeId: number; readonly before: number } | undefined
  return {
    mayWipe: async (): Promise<boolean> => {
      const { nodes } = await topic.log.call('describe-cluster', {})
      const isFoundOut = nodes.every(
        ({ nodeId, incarnation, state }) =>
          state === 'UP' && !(last?.nodeId === nodeId && incarnation <= last.before),
      )
      return isFoundOut && isFull(await topic.partitions())
    },
    wiped: (nodeId: number, before: number) => {
      last = { nodeId, before }
    },
  }
}

/** Runs what it is given one after the other: no request to a node is cut off by a kill of the service. */
function oneAfterTheOther() {
  let last: Promise<unknown> = Promise.resolve()
  return <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work)
    last = next.catch(() => undefined)
    return next
  }
}
