import type { ErrorRow } from '../../shared/protocol/kafka-error.ts'
import type { TestDeps } from '../support/test-deps.ts'
import { type Actor, beat, type JoinOptions, join, newActor, sync, textOf } from './group-actor.ts'
import { DEAD, type Fate, inProcess } from './mortal.ts'

/** A client that keeps its place in a group, whatever befalls the coordinator. */
export interface Client {
  readonly actor: Actor
  readonly options: JoinOptions
  /** Of the generation it is in; undefined while it is in none. */
  assignment: string | undefined
}

export const newClient = (name: string, options: JoinOptions = {}): Client => ({
  actor: newActor(name),
  options,
  assignment: undefined,
})

/** Whose requests these are, and what befalls the processes that answer them. */
export interface World {
  readonly deps: TestDeps
  readonly fate: Fate
}

/** A minute of the model's clock: nothing takes so long. */
const PATIENCE_MS = 60_000
const PAUSE_MS = 300
const RETRIABLE = ['REQUEST_TIMED_OUT', 'KAFKA_STORAGE_ERROR', 'COORDINATOR_NOT_AVAILABLE']

/** Has all clients join, sync and send heartbeats, as an SDK would, until all are in one stable generation. */
export async function settle(world: World, clients: readonly Client[]): Promise<void> {
  const untilMs = world.deps.clock.nowMs() + PATIENCE_MS
  const settled = new Map<Client, number>()
  const isSettled = () => {
    const [first] = clients
    return first !== undefined && clients.every((client) => settled.get(client) === settled.get(first))
  }
  await Promise.all(
    clients.map(async (client) => {
      settled.set(client, -1 - clients.indexOf(client))
      while (!isSettled()) {
        if (world.deps.clock.nowMs() > untilMs) throw new Error(`${client.actor.name} is not settled`)
        if (client.assignment === undefined) await takePlace(world, client)
        if (client.assignment === undefined) continue
        const error = await request(world, (deps) => beat(deps, client.actor, instanceOf(client)))
        if ('errorName' in error) {
          settled.set(client, -1 - clients.indexOf(client))
          loseFor(client, error)
        } else {
          settled.set(client, client.actor.generationId)
        }
        await world.deps.clock.sleep(PAUSE_MS)
      }
    }),
  )
}

/** Makes a request again until it has an answer that says something. */
export async function request<T extends object>(
  { deps, fate }: World,
  make: (deps: TestDeps) => Promise<T>,
): Promise<T> {
  for (;;) {
    const answer = await inProcess(deps, fate, make)
    if (answer !== DEAD) {
      const { errorName = '', retryAfterMs } = answer as { errorName?: string; retryAfterMs?: number }
      if (retryAfterMs === undefined && !RETRIABLE.includes(errorName)) return answer
    }
    await deps.clock.sleep(PAUSE_MS)
  }
}

const instanceOf = ({ options: { instance } }: Client) => (instance === undefined ? {} : { instance })

/** One round of join and sync: `client.assignment` is set if it came to one. */
async function takePlace(world: World, client: Client): Promise<void> {
  const { actor, options } = client
  const joined = await request(world, (deps) => join(deps, actor, options))
  if ('errorName' in joined) return loseFor(client, joined)
  const members = joined.members.map(({ memberId, metadata }) => [memberId, `${textOf(metadata)}'s`] as const)
  const assignments = joined.skipAssignment ? {} : Object.fromEntries(members)
  const synced = await request(world, (deps) => sync(deps, actor, { ...instanceOf(client), assignments }))
  if ('errorName' in synced) return loseFor(client, synced)
  client.assignment = textOf(synced.assignment)
}

function loseFor(client: Client, { errorName }: ErrorRow): void {
  client.assignment = undefined
  if (errorName === 'UNKNOWN_MEMBER_ID') client.actor.memberId = ''
  else if (!['MEMBER_ID_REQUIRED', 'REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION'].includes(errorName)) {
    throw new Error(`${client.actor.name} met ${errorName}`)
  }
}
