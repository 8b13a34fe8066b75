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
/** One trouble in so many befalls two nodes; before and within one in so many a node loses its data. */
const TWO_ONE_IN = 3
const WIPE_ONE_IN = 3

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

  const wiper = newWiper(topic)
  const maybeWipe = async () => {
    if (random.integer(1, WIPE_ONE_IN) > 1 || !wiper.mayWipe()) return
    const nodeId = random.integer(0, nodes - 1)
    wiper.wiped(nodeId, await topic.incarnation(nodeId))
    await act(nodeId, 'wipe')
  }

  const troubleNodes = async () => {
    for (;;) {
      await pause(NODE_PACE_MS)
      if (isOver()) return
      await wiper.look()
      await maybeWipe()
      const first = random.integer(0, nodes - 1)
      const second = (first + random.integer(1, nodes - 1)) % nodes
      const struck = random.integer(1, TWO_ONE_IN) === 1 ? [first, second] : [first]
      const action = random.integer(0, 1) === 0 ? 'fail' : 'hang'
      for (const nodeId of struck) await act(nodeId, action)
      await pause(TROUBLE_MS)
      await maybeWipe()
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

/**
 * One node at a time loses its data, whatever else is wrong then: the next only once it was found out, and every replica
 * of every partition was in sync again.
 */
function newWiper(topic: ReplicatedTopic) {
  let last: { readonly nodeId: number; readonly incarnation: number } | undefined
  return {
    mayWipe: () => last === undefined,
    wiped: (nodeId: number, incarnation: number) => {
      last = { nodeId, incarnation }
    },
    /** Forgets the last one if all is whole again. */
    look: async () => {
      const { nodes } = await topic.log.call('describe-cluster', {})
      const isFoundOut = nodes.every(({ nodeId, incarnation, state }) => {
        return state === 'UP' && !(nodeId === last?.nodeId && incarnation <= last.incarnation)
      })
      if (isFoundOut && isFull(await topic.partitions())) last = undefined
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
