import { ASSIGNORS } from '../../client/assignors/assignors.ts'
import { decodeGroup } from '../../shared/store/items/group-item.ts'
import { groupMetaKey, groupPk } from '../../shared/store/keys.ts'
import type { Company } from './company.ts'
import type { Groups, Life } from './group-company.ts'
import { placeOf } from './group-company.ts'
import type { GroupHistory } from './group-history.ts'
import { newGroupHistory } from './group-history.ts'
import { runLife } from './group-member.ts'
import { runOperator } from './group-operator.ts'
import { storedTopics } from './topics.ts'

/** The consumer groups of a run. */
export interface GroupWork {
  readonly history: GroupHistory
  /** Runs members and operators until `isOver`; members then live on until `stop`. Resolves when the last has ended. */
  run(isOver: () => boolean): Promise<void>
  /** What keeps the groups from being well, in words: to be asked once nothing fails any more. */
  missing(): readonly string[]
  stop(): void
}

/** The longest a place for a member stays empty. */
const VACANT_MS = 3000

/** Groups as the seed has them; `say` is told what must not be. */
export function newGroups(company: Company, say: (anomaly: string) => void): GroupWork | undefined {
  const { cluster, pause } = company
  const { scheduler, configuration: drawn } = cluster
  const { groups: configuration, topics } = drawn
  if (configuration === undefined) return undefined
  const { random } = scheduler
  const abandoned = new Set(configuration.names.filter(() => scheduler.chance(configuration.abandoned)))
  const others: Promise<void>[] = []
  let isOver = () => false
  let overAt = Number.MAX_SAFE_INTEGER
  let isStopped = false
  let tokens = 0

  const groups: Groups = {
    company,
    configuration,
    history: newGroupHistory(),
    lives: new Set(),
    readTo: new Map(),
    say,
    isOver: () => isOver(),
    get overAt() {
      return overAt
    },
    isStopped: () => isStopped,
    newToken: () => {
      tokens += 1
      return `t${tokens}`
    },
    double: ({ group, instance }) => {
      cluster.count('group: static member doubled')
      others.push(runLife(groups, newLife(group, instance)))
    },
  }

  const newLife = (group: string, instance: string | null): Life => {
    const assignors = scheduler.pick(configuration.assignors as [readonly string[], ...string[][]])
    const wanted = topics.filter(() => random.integer(1, 4) > 1)
    return {
      group,
      instance,
      topics: wanted.length === 0 ? topics : wanted,
      assignors,
      isCooperative: assignors.every((name) =>
        ASSIGNORS.find((known) => known.name === name)?.supportedProtocols.includes('COOPERATIVE'),
      ),
      memberId: '',
      generationId: -1,
      ownedIn: -1,
      owned: new Map(),
      assigned: new Map(),
      counts: undefined,
      isLeader: false,
      assignedIn: -1,
      mustJoin: false,
      frozenUntilMs: 0,
      end: undefined,
    }
  }

  /** One member after the other. Not all places are taken in the end. */
  const runSlot = async (group: string, slot: number) => {
    const instance = scheduler.chance(configuration.statics) ? `s${slot}` : null
    const quits = abandoned.has(group) || random.integer(1, 4) === 1
    while (!isOver()) {
      await pause(random.integer(1, VACANT_MS))
      if (isOver() && quits) return
      await runLife(groups, newLife(group, instance))
    }
  }

  return {
    history: groups.history,
    run: async (until) => {
      isOver = () => {
        const over = until()
        if (over && overAt === Number.MAX_SAFE_INTEGER) {
          overAt = scheduler.steps()
          for (const life of groups.lives) if (abandoned.has(life.group)) life.end = 'crashed'
        }
        return over
      }
      const { names, slots, operatorMs } = configuration
      for (const group of names) {
        for (let slot = 0; slot < slots; slot += 1) others.push(runSlot(group, slot))
      }
      if (operatorMs > 0) others.push(runOperator(groups))
      for (let ended = 0; ended < others.length; ended += 1) await others[ended]
    },
    missing: () => configuration.names.flatMap((group) => missingOf(groups, group)),
    stop: () => {
      isStopped = true
    },
  }
}

/** What a group that nothing befalls any more lacks. */
function missingOf({ company, lives, configuration, overAt }: Groups, group: string): readonly string[] {
  const { documents } = company.cluster
  const members = [...lives].filter((life) => life.group === group)
  const item = documents.peek(groupMetaKey(group))
  const stored = item === undefined ? undefined : decodeGroup(item).group
  if (members.length === 0) {
    const mustExpire = configuration.retentionMinutes < 1
    if (stored === undefined || (stored.state === 'Empty' && !mustExpire)) return []
    return [`group ${group} has no member, and is ${stored.state}`]
  }
  if (stored?.state !== 'Stable') return [`group ${group} is ${stored?.state}`]
  const missing: string[] = []
  const joined = Object.keys(stored.joined).sort().join()
  const alive = members
    .map(({ memberId }) => memberId)
    .sort()
    .join()
  if (joined !== alive) missing.push(`group ${group} has the members ${joined}, alive are ${alive}`)
  const kept = documents.all(groupPk(group)).filter(({ key }) => key.sk.startsWith('MEMBER#')).length
  if (kept !== members.length)
    missing.push(`group ${group} has ${kept} documents of ${members.length} members`)
  if (members.some(({ generationId }) => generationId !== stored.generationId))
    missing.push(`members of group ${group} are not in generation ${stored.generationId}`)
  const owned = new Map(members.flatMap((life) => [...life.owned]))
  const subscribed = new Set(members.flatMap(({ topics }) => topics))
  // A static member that is back with other topics has nobody join again, as in Kafka: its leader was not told of them.
  const leader = members.find(({ isLeader }) => isLeader)
  const isWanted = (name: string) => subscribed.has(name) && leader?.counts?.has(name) !== false
  for (const { name, partitions } of storedTopics(documents, { beingDeleted: false })) {
    if (!isWanted(name)) continue
    for (let partition = 0; partition < partitions; partition += 1) {
      const place = placeOf(name, partition)
      const one = owned.get(place)
      if (one === undefined) missing.push(`nobody in group ${group} has ${place}`)
      else if (one.committedAt < overAt)
        missing.push(`no commit of ${place} by its owner in ${group} is taken`)
    }
  }
  return missing
}
