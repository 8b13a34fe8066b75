import { fromBase64 } from '../../client/consumer/base64.ts'
import type { ListGroupsRequest, ListGroupsResponse } from '../../shared/protocol/api/groups.ts'
import { decodeAssignment } from '../../shared/protocol/consumer-protocol.ts'
import type { ErrorRow } from '../../shared/protocol/kafka-error.ts'
import { deleteGroups } from '../../shared/service/delete-groups.ts'
import { describeGroups } from '../../shared/service/describe-groups.ts'
import { leaveGroup } from '../../shared/service/leave-group.ts'
import { listGroups } from '../../shared/service/list-groups.ts'
import { offsetDelete } from '../../shared/service/offset-delete.ts'
import type { Environment } from './cluster.ts'
import { NO_ANSWER, orThrown } from './company.ts'
import { commit, fetchCommitted } from './group-commits.ts'
import { type Groups, placeOf } from './group-company.ts'
import type { Topic } from './topics.ts'

/** Whoever looks at groups, resets and deletes their offsets, and removes static members and whole groups. */
export async function runOperator(groups: Groups): Promise<void> {
  const { company, configuration, history, say } = groups
  const { cluster, pause } = company
  const { scheduler } = cluster
  const { random } = scheduler

  const call = <T>(what: string, run: (deps: Environment['deps']) => Promise<T>) =>
    orThrown(() => company.ask(`operator ${what}`, run))

  const describe = async (group: string) => {
    const answer = await call('describe', (deps) => describeGroups(deps, { groups: [group] }))
    if (answer === NO_ANSWER || 'thrown' in answer) return
    const owners = new Map<string, string>()
    for (const { memberId, assignment } of answer.groups.flatMap(({ members }) => members)) {
      for (const [name, partitions] of decodeAssignment(fromBase64(assignment)).assignedPartitions) {
        for (const partition of partitions) {
          const place = placeOf(name, partition)
          const other = owners.get(place)
          if (other !== undefined)
            say(`double-assignment: ${place} is described as ${other}'s and ${memberId}'s`)
          owners.set(place, memberId)
        }
      }
    }
    cluster.count(`group: described ${answer.groups[0]?.groupState}`)
  }

  const list = async () => {
    const limit = random.integer(1, 3)
    const names: string[] = []
    let nextToken: string | null = null
    do {
      const request: ListGroupsRequest = { statesFilter: [], limit, nextToken }
      const answer: ListGroupsResponse | typeof NO_ANSWER | { thrown: ErrorRow } = await call(
        'list',
        (deps) => listGroups(deps, request),
      )
      if (answer === NO_ANSWER || 'thrown' in answer) return
      names.push(...answer.groups.map(({ groupId }) => groupId))
      nextToken = answer.nextToken
    } while (nextToken !== null)
    if (new Set(names).size < names.length) say(`groups are listed twice: ${names}`)
    if (names.length > 0) cluster.count('group: listed')
  }

  const anyTopic = (): Promise<Topic | undefined> =>
    company.lookUp(scheduler.pick(cluster.configuration.topics as [string, ...string[]]))
  const partitionsOf = ({ partitions }: Topic) =>
    Array.from({ length: partitions }, (_, partition) => partition)

  const look = async (group: string) => {
    const topic = scheduler.chance(3) ? undefined : await anyTopic()
    const topics = topic === undefined ? undefined : [{ topic, partitions: partitionsOf(topic) }]
    await fetchCommitted(groups, { group, topics, usesIds: scheduler.chance(4), reader: '' }, call)
  }

  const reset = async (group: string) => {
    const topic = await anyTopic()
    if (topic === undefined) return
    const committer = { group, generationId: -1, memberId: '', instance: null }
    const partition = random.integer(0, topic.partitions - 1)
    await commit(groups, committer, [{ topic, partition, offset: 0, leaderEpoch: -1 }], call)
  }

  const deleteGroup = async (group: string) => {
    const invokedAt = scheduler.steps()
    history.deletesAsked.add(group)
    const answer = await call('delete group', (deps) => deleteGroups(deps, { groups: [group] }))
    if (answer === NO_ANSWER || 'thrown' in answer) return
    const [row] = answer.results
    cluster.count(`group: delete ${row !== undefined && 'errorName' in row ? row.errorName : 'ok'}`)
    if (row?.errorCode !== 0) return
    history.deleted.push({ group, key: undefined, invokedAt, completedAt: scheduler.steps() })
  }

  const deleteOffsets = async (group: string) => {
    const topic = await anyTopic()
    if (topic === undefined) return
    const { name, topicId } = topic
    const invokedAt = scheduler.steps()
    const partitions = partitionsOf(topic).map((partitionIndex) => ({ partitionIndex }))
    const request = { groupId: group, topics: [{ name, topicId, partitions }] }
    const answer = await call('delete offsets', (deps) => offsetDelete(deps, request))
    if (answer === NO_ANSWER || 'thrown' in answer) return
    for (const row of answer.topics.flatMap((one) => one.partitions)) {
      cluster.count(`group: offset-delete ${'errorName' in row ? row.errorName : 'ok'}`)
      if ('errorName' in row) continue
      const key = `${topicId}/${row.partitionIndex}`
      history.deleted.push({ group, key, invokedAt, completedAt: scheduler.steps() })
    }
  }

  /** By its name alone, as an operator knows it. */
  const removeStatic = async (group: string) => {
    const groupInstanceId = `s${random.integer(0, configuration.slots - 1)}`
    const members = [{ memberId: '', groupInstanceId, reason: null }]
    const answer = await call('remove', (deps) => leaveGroup(deps, { groupId: group, members }))
    if (answer === NO_ANSWER || 'thrown' in answer || answer.members[0]?.errorCode !== 0) return
    cluster.count('group: static member removed')
  }

  while (!groups.isOver()) {
    await pause(random.integer(10, configuration.operatorMs))
    const group = scheduler.pick(configuration.names as [string, ...string[]])
    if (scheduler.chance(configuration.deletes)) {
      if (scheduler.chance(2)) await deleteGroup(group)
      else await deleteOffsets(group)
    } else if (scheduler.chance(configuration.resets)) await reset(group)
    else if (configuration.statics > 0 && scheduler.chance(6)) await removeStatic(group)
    else if (scheduler.chance(3)) await describe(group)
    else if (scheduler.chance(4)) await list()
    else await look(group)
  }
}
