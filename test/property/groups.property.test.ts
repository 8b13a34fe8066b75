import fc from 'fast-check'
import { expect, test } from 'vitest'
import { expireGroup } from '../../shared/service/group-expiry.ts'
import { rowOf } from '../../shared/service/rows.ts'
import { decodeGroup } from '../../shared/store/items/group-item.ts'
import { groupMetaKey } from '../../shared/store/keys.ts'
import { otherEnvironment, type TestDeps, testDeps } from '../support/test-deps.ts'
import { checkGroup } from '../transcripts/check-group.ts'
import { type Client, newClient, settle } from '../transcripts/client.ts'
import { beat, GROUP, join, leave, sync, textOf } from '../transcripts/group-actor.ts'
import { DEAD, type Fate, inProcess, type Mishap, quietFate } from '../transcripts/mortal.ts'

const MEMBERS = [{}, {}, { instance: 'i1' }, { instance: 'i2' }] as const
const PARTITIONS = ['p0', 'p1', 'p2', 'p3', 'p4']
const MISHAPS: readonly Mishap[] = [
  'dies before',
  'dies after',
  'call lost',
  'answer lost',
  'throttled',
  'twice',
]

interface Command {
  readonly what: 'gather' | 'share' | 'join' | 'sync' | 'heartbeat' | 'leave' | 'restart' | 'wait' | 'tick'
  readonly member: number
  readonly ms: number
  /** Which call of the process goes wrong, and how; 0 for none. */
  readonly at: number
  readonly mishap: Mishap
}

const command: fc.Arbitrary<Command> = fc.record({
  what: fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom('join' as const, 'heartbeat', 'leave', 'restart', 'wait', 'tick'),
    },
    { weight: 5, arbitrary: fc.constantFrom('sync' as const) },
    { weight: 8, arbitrary: fc.constantFrom('gather' as const, 'share') },
  ),
  member: fc.nat(MEMBERS.length - 1),
  ms: fc.constantFrom(100, 2000, 7000, 31_000),
  at: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 12 })),
  mishap: fc.constantFrom(...MISHAPS),
})

/** What each answer of a sync said: `<generation> <partition>` and its owner. */
type Owners = Map<string, string>

/** A partition that is told to be `owner`'s was nobody else's in this generation. */
function noteOwner(
  owners: Owners,
  { owner, generationId, assignment }: { owner: string; generationId: number; assignment: string },
): void {
  for (const partition of assignment.split(',').filter((each) => each !== '')) {
    const key = `${generationId} ${partition}`
    const known = owners.get(key) ?? owner
    expect(known, `owners of ${key}`).toBe(owner)
    owners.set(key, owner)
  }
}

interface World {
  readonly deps: TestDeps
  readonly clients: readonly Client[]
  readonly owners: Owners
  /** By member id: whom the leader of a generation knows of. */
  readonly leads: Map<Client, readonly string[]>
  salt: number
}

async function run(world: World, { what, member, ms, at, mishap }: Command): Promise<void> {
  const { deps } = world
  if (what === 'gather') return gather(world)
  if (what === 'share') return share(world, { at, mishap })
  const client = world.clients[member] as Client
  const fate: Fate = { calls: 0, writes: [], at, mishap }
  const instance = client.options.instance === undefined ? {} : { instance: client.options.instance }
  const { actor } = client
  const before = { ...actor }
  if (what === 'wait') deps.clock.set(deps.clock.nowMs() + ms)
  if (what === 'restart') actor.memberId = ''
  if (what === 'tick')
    await inProcess(deps, fate, (process) => rowOf(process, () => expireGroup(process, GROUP)))
  if (what === 'heartbeat') await inProcess(deps, fate, (process) => beat(process, actor, instance))
  if (what === 'leave' && actor.memberId !== '') {
    const { memberId } = actor
    await inProcess(deps, fate, (process) => leave(process, [{ memberId }]))
  }
  if (what === 'join') {
    const answer = await inProcess(deps, fate, (process) => join(process, actor, client.options))
    if (answer === DEAD) return
    if ('errorName' in answer) return forget(client, answer.errorName)
    if (before.memberId === answer.memberId) {
      expect(answer.generationId).toBeGreaterThanOrEqual(before.generationId)
    }
    if (answer.leader === answer.memberId) {
      world.leads.set(client, answer.skipAssignment ? [] : answer.members.map(({ memberId }) => memberId))
    } else world.leads.delete(client)
  }
  if (what === 'sync' && actor.memberId !== '') {
    const { generationId } = actor
    const assignments = shared(world.leads.get(client) ?? [], world.salt++)
    const answer = await inProcess(deps, fate, (process) =>
      sync(process, actor, { ...instance, assignments }),
    )
    if (answer === DEAD) return
    if ('errorName' in answer) return forget(client, answer.errorName)
    // A static member's name stays an owner under whatever id.
    const owner = client.options.instance ?? before.memberId
    noteOwner(world.owners, { owner, generationId, assignment: textOf(answer.assignment) })
  }
}

/** All members join until they meet in one generation, most likely. */
async function gather(world: World): Promise<void> {
  await Promise.all(
    world.clients.map(async (_, member) => {
      for (let tries = 0; tries < 4; tries += 1) {
        await run(world, { what: 'join', member, ms: 0, at: 0, mishap: 'twice' })
      }
    }),
  )
}

/** All members sync; the process that serves the leader meets with something. */
async function share(world: World, { at, mishap }: Pick<Command, 'at' | 'mishap'>): Promise<void> {
  await Promise.all(
    world.clients.map((client, member) =>
      run(world, { what: 'sync', member, ms: 0, at: world.leads.has(client) ? at : 0, mishap }),
    ),
  )
}

function forget({ actor }: Client, errorName: string): void {
  expect(EXPECTED).toContain(errorName)
  if (errorName === 'UNKNOWN_MEMBER_ID' || errorName === 'FENCED_INSTANCE_ID') actor.memberId = ''
}

const EXPECTED = [
  'MEMBER_ID_REQUIRED',
  'REBALANCE_IN_PROGRESS',
  'UNKNOWN_MEMBER_ID',
  'FENCED_INSTANCE_ID',
  'ILLEGAL_GENERATION',
  'REQUEST_TIMED_OUT',
  'KAFKA_STORAGE_ERROR',
]

/** Another way to share out the partitions each time: a leader that asks twice says two things. */
function shared(members: readonly string[], salt: number): Record<string, string> {
  const of = (member: number) => PARTITIONS.filter((_, index) => (index + salt) % members.length === member)
  return Object.fromEntries(members.map((memberId, member) => [memberId, of(member).join(',')]))
}

test('whatever members do and whatever befalls their coordinators, a partition has one owner in a generation', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(command, { minLength: 1, maxLength: 4 }), { maxLength: 25 }),
      fc.constantFrom('0', '3000'),
      async (rounds, delay) => {
        const deps = await testDeps({ configs: { 'group.initial.rebalance.delay.ms': delay } })
        const clients = MEMBERS.map((options, member) => newClient(`m${member}`, options))
        const world: World = { deps, clients, owners: new Map(), leads: new Map(), salt: 0 }
        for (const round of rounds) {
          await Promise.all(round.map((each) => run(world, each)))
          await checkGroup(deps)
        }
        await settleAll(world)
      },
    ),
    { numRuns: 150, seed: 20261121 },
  )
})

/** Nothing goes wrong any more: all members find each other. */
async function settleAll({ deps, clients }: World): Promise<void> {
  for (const client of clients) client.actor.memberId = ''
  await settle({ deps, fate: quietFate() }, clients)
  // Former selves that nobody hears of any more expire meanwhile, each with a rebalance of its own.
  for (let round = 0; round < 4; round += 1) {
    deps.clock.set(deps.clock.nowMs() + 6000)
    await settle({ deps, fate: quietFate() }, clients)
  }
  await expireGroup(otherEnvironment(deps), GROUP)
  await checkGroup(deps)
  const item = await deps.documents.store.get(groupMetaKey(GROUP), 'strong')
  const { group } = decodeGroup(item ?? {})
  expect(group.state).toBe('Stable')
  expect(Object.keys(group.joined).sort()).toEqual(clients.map(({ actor }) => actor.memberId).sort())
}
