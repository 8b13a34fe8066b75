import type { TopicPartitions } from '../../shared/protocol/consumer-protocol.ts'
import { heartbeat } from '../../shared/service/heartbeat.ts'
import { leaveGroup } from '../../shared/service/leave-group.ts'
import { NO_ANSWER, orThrown } from './company.ts'
import { poll } from './consumer.ts'
import { becomeMember, countPartitions, loseAll } from './group-calls.ts'
import { commit, commitOwned, fetchCommitted, forget, NO_MEMBER } from './group-commits.ts'
import { callAs, endLife, type Groups, type Life, LifeEnded, type Owned, placeOf } from './group-company.ts'

/** The leader looks so often whether there are partitions that nobody has. */
const LOOK_MS = 3000
/** Once nothing fails any more, members take their time. */
const CALM_MS = 1500

/** One member's process, from its first join to its end. */
export async function runLife(groups: Groups, life: Life): Promise<void> {
  groups.lives.add(life)
  const beating = ending(beat(groups, life))
  await ending(live(groups, life))
  groups.lives.delete(life)
  await beating
}

/** Resolves also where the process ended. */
async function ending(work: Promise<void>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!(error instanceof LifeEnded)) throw error
  }
}

async function live(groups: Groups, life: Life): Promise<void> {
  for (;;) {
    const before = life.memberId
    const assigned = await becomeMember(groups, life)
    if (before !== life.memberId) groups.company.cluster.count('group: new members')
    const isRevoked = await adopt(groups, life, assigned)
    if (!isRevoked) await work(groups, life)
    // Everybody drops what it has before it joins; who cooperates, only what it is told to.
    if (!life.isCooperative) {
      await commitOwned(groups, life, [...life.owned.values()])
      life.owned.clear()
    }
  }
}

/** Takes what it was assigned; whether it gave something up for that, so that it is to join again. */
async function adopt(groups: Groups, life: Life, assigned: TopicPartitions): Promise<boolean> {
  const { company } = groups
  const places = new Map(
    [...assigned].flatMap(([name, partitions]) =>
      partitions.map((partition) => [placeOf(name, partition), { name, partition }] as const),
    ),
  )
  const revoked = [...life.owned].filter(([place]) => !places.has(place))
  await commitOwned(
    groups,
    life,
    revoked.map(([, one]) => one),
  )
  for (const [place] of revoked) life.owned.delete(place)
  for (const [place, { name, partition }] of places) {
    if (life.owned.has(place)) continue
    const one = { name, partition, topic: undefined, position: undefined, process: company.newProcess() }
    life.owned.set(place, { ...one, committedAt: -1 })
  }
  if (revoked.length > 0) company.cluster.count('group: revoked cooperatively')
  return revoked.length > 0
}

/** Reads and commits until it is to join again. */
async function work(groups: Groups, life: Life): Promise<void> {
  const { company, configuration } = groups
  const { scheduler } = company.cluster
  const { random } = scheduler
  let lookedAtMs = scheduler.nowMs()
  while (!life.mustJoin) {
    const isOver = groups.isOver()
    if (groups.isStopped()) return leave(groups, life, 'stopped')
    await company.pause(random.integer(10, isOver ? CALM_MS : configuration.pollMs))
    if (life.end !== undefined) throw new LifeEnded(life.end)
    if (!isOver && scheduler.chance(configuration.leave)) return leave(groups, life, 'left')
    if (life.isLeader && scheduler.nowMs() >= lookedAtMs + LOOK_MS) {
      lookedAtMs = scheduler.nowMs()
      if (await hasChanged(groups, life)) return
    }
    const owned = [...life.owned.values()]
    const one = owned[random.integer(0, owned.length - 1)]
    if (one === undefined) continue
    await readOn(groups, life, one)
    if (life.mustJoin) return
    if (isOver || scheduler.chance(configuration.autoCommit)) await commitOwned(groups, life, owned)
    else if (scheduler.chance(configuration.handCommit)) await commitOwned(groups, life, [one])
  }
}

/** Whether there are other partitions than those that it assigned. */
async function hasChanged(groups: Groups, { counts, topics }: Life): Promise<boolean> {
  // A static leader that came back does not know what its former self assigned: that shows later.
  if (counts === undefined) return groups.isOver()
  const now = await countPartitions(groups, [...counts.keys(), ...topics])
  return [...now].some(([name, count]) => counts.get(name) !== count)
}

async function readOn(groups: Groups, life: Life, one: Owned): Promise<void> {
  const { company, readTo, say } = groups
  one.topic ??= await company.lookUp(one.name)
  if (one.topic === undefined || one.partition >= one.topic.partitions) return forget(one)
  const { group } = life
  const readKey = `${group}/${one.topic.topicId}/${one.partition}`
  if (one.position === undefined) {
    const topics = [{ topic: one.topic, partitions: [one.partition] }]
    const asked = { group, topics, usesIds: true, reader: life.memberId }
    const { found, errors } = await fetchCommitted(groups, asked, (what, run) =>
      callAs(groups, life, what, run),
    )
    if (errors.has('UNKNOWN_TOPIC_ID') || errors.has('INCONSISTENT_TOPIC_ID')) forget(one)
    const committed = found.get(placeOf(one.name, one.partition))
    if (committed === undefined || life.mustJoin) return
    one.position = committed.offset < 0 ? { offset: 0, epoch: -1 } : committed
    one.process = company.newProcess()
    const known = readTo.get(readKey) ?? 0
    if (one.position.offset > known && !company.cluster.configuration.unclean)
      say(`group-skip: ${readKey} goes on at ${one.position.offset}, and was read to ${known}`)
  }
  const { topic, position, partition } = one
  const polled = await poll(company, one.process, { topic, usesIds: true, partition }, position)
  if (life.end !== undefined) throw new LifeEnded(life.end)
  if (!polled.goesOn) one.process = company.newProcess()
  if (polled.isGone) return forget(one)
  if (one.position === position) one.position = polled.position
  readTo.set(readKey, Math.max(readTo.get(readKey) ?? 0, polled.position.offset))
}

async function leave(groups: Groups, life: Life, how: 'left' | 'stopped'): Promise<never> {
  await commitOwned(groups, life, [...life.owned.values()])
  // A static member that ends is expected back.
  if (life.instance === null || groups.company.cluster.scheduler.chance(2)) {
    const members = [{ memberId: life.memberId, groupInstanceId: life.instance, reason: null }]
    const request = { groupId: life.group, members }
    const answer = await callAs(groups, life, 'leave', (deps) => leaveGroup(deps, request))
    if (answer !== NO_ANSWER && !('thrown' in answer) && answer.members[0]?.errorCode === 0)
      groups.company.cluster.count('group: leave ok')
  }
  throw endLife(groups, life, how)
}

/** Says that it is there, at its own pace, whatever else the process does. */
async function beat(groups: Groups, life: Life): Promise<void> {
  const { company, configuration } = groups
  for (;;) {
    await company.pause(configuration.heartbeatMs)
    if (life.end !== undefined) return
    const { generationId, memberId, instance, group } = life
    if (generationId < 0 || life.mustJoin) continue
    const request = { groupId: group, generationId, memberId, groupInstanceId: instance }
    const answer = await callAs(groups, life, 'heartbeat', (deps) => heartbeat(deps, request))
    if (answer === NO_ANSWER || 'thrown' in answer) continue
    const errorName = 'errorName' in answer ? answer.errorName : undefined
    company.cluster.count(`group: heartbeat ${errorName ?? 'ok'}`)
    if (errorName === undefined || !NO_MEMBER.has(errorName)) continue
    if (life.generationId !== generationId || life.memberId !== memberId) continue
    life.mustJoin = true
    if (errorName !== 'REBALANCE_IN_PROGRESS') haunt(groups, life)
    if (errorName === 'UNKNOWN_MEMBER_ID') loseAll(life)
  }
}

/** Somebody who was not told goes on under the old id. */
function haunt(groups: Groups, { group, generationId, memberId, instance, owned }: Life): void {
  const { company, configuration, isOver } = groups
  const { scheduler, count } = company.cluster
  const places = [...owned.values()]
  if (isOver() || !scheduler.chance(configuration.zombies) || places.length === 0) return
  count('group: zombies')
  const again = async (times: number): Promise<void> => {
    if (isOver() || times === 0) return
    await company.pause(scheduler.random.integer(50, 4000))
    const commits = places.flatMap(({ topic, partition, position }) =>
      topic === undefined || position === undefined
        ? []
        : [{ topic, partition, offset: position.offset, leaderEpoch: position.epoch }],
    )
    if (commits.length === 0) return
    const committer = { group, generationId, memberId, instance }
    await commit(groups, committer, commits, (what, run) =>
      orThrown(() => company.ask(`zombie ${what}`, run)),
    )
    const request = { groupId: group, generationId, memberId, groupInstanceId: instance }
    await orThrown(() => company.ask('zombie heartbeat', (deps) => heartbeat(deps, request)))
    return again(times - 1)
  }
  void again(4)
}
