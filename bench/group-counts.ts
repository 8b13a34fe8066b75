import { setTimeout as sleep } from 'node:timers/promises'
import { randomBytes, systemClock } from '../functions/system.ts'
import { nodeCodecs } from '../shared/codecs/node-codecs.ts'
import { openInMemory } from '../shared/embedded/data-directory.ts'
import { parseClusterConfigs } from '../shared/protocol/cluster-configs.ts'
import { LIMITS } from '../shared/protocol/limits.ts'
import { bootCluster } from '../shared/service/boot-cluster.ts'
import { newCaches } from '../shared/service/caches.ts'
import type { Deps } from '../shared/service/deps.ts'
import { heartbeat } from '../shared/service/heartbeat.ts'
import { joinGroup } from '../shared/service/join-group.ts'
import { syncGroup } from '../shared/service/sync-group.ts'
import type { DocumentStore } from '../shared/store/document-store.ts'
import { countingStores } from './counting-stores.ts'

/** What it took to have all members of a group in one stable generation, from nothing. */
export interface GroupStart {
  readonly members: number
  readonly initialDelayMs: number
  readonly generations: number
  readonly seconds: number
  /** Requests of the clients, by API. */
  readonly requests: Readonly<Record<string, number>>
  /** Calls of the document store, by operation. */
  readonly calls: Readonly<Record<string, number>>
}

/** What a call of DynamoDB takes, more or less: as much as this, and up to as much again by chance. */
const CALL_MS = 4
const GROUP = 'bench'
/** A client that has its place says so as often, which is more often than the SDK does. */
const HEARTBEAT_MS = 1000

/** Starts so many members at once, each served by an environment of its own. */
export async function startGroup(members: number, initialDelayMs: number): Promise<GroupStart> {
  const requests: Record<string, number> = {}
  const calls: Record<string, number> = {}
  const deps = await newDeps(initialDelayMs, (operation) => {
    calls[operation] = (calls[operation] ?? 0) + 1
  })
  const count = (api: string) => {
    requests[api] = (requests[api] ?? 0) + 1
  }
  const generations = new Array<number>(members).fill(-1)
  const isSettled = () => generations.every((generation) => generation > 0 && generation === generations[0])
  const beganMs = systemClock.nowMs()
  await Promise.all(
    generations.map((_, member) =>
      live({ ...deps, caches: newCaches() }, count, isSettled, (generation) => {
        generations[member] = generation
      }),
    ),
  )
  const seconds = (systemClock.nowMs() - beganMs) / 1000
  return { members, initialDelayMs, generations: generations[0] ?? 0, seconds, requests, calls }
}

/** What a heartbeat of a stable group calls. */
export async function countHeartbeat(): Promise<Readonly<Record<string, number>>> {
  let calls: Record<string, number> = {}
  const deps = await newDeps(0, (operation) => {
    calls[operation] = (calls[operation] ?? 0) + 1
  })
  let identity = { memberId: '', generationId: -1 }
  await live(
    deps,
    () => {},
    () => identity.generationId > 0,
    (generationId, memberId) => {
      identity = { memberId, generationId }
    },
  )
  calls = {}
  await heartbeat(deps, { groupId: GROUP, groupInstanceId: null, ...identity })
  return calls
}

/** A member: joins, syncs and sends heartbeats until everybody has a place in one generation. */
async function live(
  deps: Deps,
  count: (api: string) => void,
  isSettled: () => boolean,
  tell: (generationId: number, memberId: string) => void,
): Promise<void> {
  let memberId = ''
  while (!isSettled()) {
    count('join-group')
    const joined = await joinGroup(deps, { ...JOIN, memberId }, 'bench')
    if (joined.memberId !== '') memberId = joined.memberId
    if ('errorName' in joined) {
      if (joined.errorName === 'UNKNOWN_MEMBER_ID') memberId = ''
      await sleep(joined.retryAfterMs ?? 0)
      continue
    }
    const { generationId } = joined
    if (!(await synced(deps, count, joined))) continue
    tell(generationId, memberId)
    for (;;) {
      if (isSettled()) return
      await sleep(HEARTBEAT_MS * (0.5 + Math.random()))
      count('heartbeat')
      const beat = await heartbeat(deps, { groupId: GROUP, groupInstanceId: null, memberId, generationId })
      if ('errorName' in beat) break
    }
    tell(-1, memberId)
  }
}

const JOIN = {
  groupId: GROUP,
  groupInstanceId: null,
  sessionTimeoutMs: 45_000,
  rebalanceTimeoutMs: 60_000,
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: Buffer.alloc(64).toString('base64') }],
}

async function synced(
  deps: Deps,
  count: (api: string) => void,
  joined: Exclude<Awaited<ReturnType<typeof joinGroup>>, { errorName: unknown }>,
): Promise<boolean> {
  const { generationId, memberId, members, protocolType, protocolName } = joined
  const assignment = Buffer.alloc(64).toString('base64')
  for (;;) {
    count('sync-group')
    const answer = await syncGroup(deps, {
      groupId: GROUP,
      generationId,
      memberId,
      groupInstanceId: null,
      protocolType,
      protocolName,
      assignments: members.map((member) => ({ memberId: member.memberId, assignment })),
    })
    if (!('errorName' in answer)) return true
    if (answer.retryAfterMs === undefined) return false
    await sleep(answer.retryAfterMs)
  }
}

async function newDeps(initialDelayMs: number, onCall: (operation: string) => void): Promise<Deps> {
  const stores = openInMemory({ nodes: 1 })
  const booted = { documents: stores.documents, nodes: stores.nodes, clock: systemClock, randomBytes }
  const { clusterId } = await bootCluster(booted)
  const { documents } = countingStores({ documents: slow(stores.documents), nodes: stores.nodes }, onCall)
  return {
    ...booted,
    clusterId,
    documents,
    tasks: { trigger: async () => {} },
    environmentId: 'bench',
    codecs: nodeCodecs,
    configs: parseClusterConfigs({ 'group.initial.rebalance.delay.ms': String(initialDelayMs) }, 1),
    limits: LIMITS,
    maxFetchWaitMs: 2000,
    caches: newCaches(),
    log: { warn: () => {}, error: console.error },
  }
}

/** The same store, as far away as DynamoDB. */
function slow(store: DocumentStore): DocumentStore {
  const after = async <Answer>(run: () => Promise<Answer>): Promise<Answer> => {
    await sleep((CALL_MS * (1 + Math.random())) / 2)
    const answer = await run()
    await sleep((CALL_MS * (1 + Math.random())) / 2)
    return answer
  }
  return {
    get: (key, consistency) => after(() => store.get(key, consistency)),
    list: (pk, query) => after(() => store.list(pk, query)),
    due: (shard, query) => after(() => store.due(shard, query)),
    put: (key, item, expected) => after(() => store.put(key, item, expected)),
    delete: (key, checks) => after(() => store.delete(key, checks)),
    update: (key, plan) => after(() => store.update(key, plan)),
    transact: (actions) => after(() => store.transact(actions)),
  }
}
