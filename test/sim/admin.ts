import { alterConfigs } from '../../shared/service/alter-configs.ts'
import { createPartitions } from '../../shared/service/create-partitions.ts'
import { createTopics } from '../../shared/service/create-topics.ts'
import { deleteTopics } from '../../shared/service/delete-topics.ts'
import type { Environment } from './cluster.ts'
import { type Company, NO_ANSWER, orThrown } from './company.ts'
import { headOf, storedTopics } from './topics.ts'

/** Whoever creates, changes and deletes topics, one thing after the other. */
export interface Admin {
  /** Makes every topic of the run; resolves when they are there. */
  createAll(): Promise<void>
  /** Changes topics now and then, until `isOver`. */
  run(isOver: () => boolean): Promise<void>
  /** What does not agree with what it was told, in words. To be asked when all is well again. */
  broken(): readonly string[]
}

/** A deletion that was asked for; not ended while nobody knows whether it is still to come. */
interface Deletion {
  readonly name?: string
  readonly topicId?: string
  endedAt: number
}

/** Topics get no more partitions than that: each of them is to be written to. */
const MAX_PARTITIONS = 4

export function newAdmin(company: Company): Admin {
  const { cluster, pause } = company
  const { configuration, scheduler, documents } = cluster
  const { random } = scheduler
  const deletions: Deletion[] = []
  const created = new Map<string, { readonly name: string; readonly askedAt: number }>()
  const deleted = new Map<string, number>()
  const counts = new Map<string, number>()
  /** By topic id, the value that min.insync.replicas was given last. */
  const minIsr = new Map<string, number>()
  /** Names of which somebody may still alter that. */
  const doubtful = new Set<string>()

  const stored = () => storedTopics(documents, { beingDeleted: false })
  const named = (name: string) => stored().find((topic) => topic.name === name)

  /** The row of an answer; undefined where nobody knows what became of it. */
  const asked = async <Row extends object>(
    what: string,
    run: (deps: Environment['deps']) => Promise<readonly Row[]>,
  ): Promise<Exclude<Row, { errorName: string }> | 'refused' | undefined> => {
    const answer = await orThrown(() => company.ask(what, run))
    if (answer === NO_ANSWER) return undefined
    const row = 'thrown' in answer ? answer.thrown : answer[0]
    if (row === undefined) throw new Error(`${what}: answer without a row`)
    if ('errorName' in row) {
      cluster.count(`${what} ${row.errorName}`)
      if (row.errorName === 'UNKNOWN_SERVER_ERROR') company.surprises.push(`${what}: ${JSON.stringify(row)}`)
      return 'effect' in row && row.effect === 'unknown' ? undefined : 'refused'
    }
    cluster.count(`${what} ok`)
    return row as Exclude<Row, { errorName: string }>
  }

  const create = async (name: string) => {
    const askedAt = scheduler.steps()
    const { partitions, replicationFactor, unclean } = configuration
    const configs = unclean && scheduler.chance(2) ? [UNCLEAN] : []
    const wanted = { name, numPartitions: partitions, replicationFactor, assignments: [], configs }
    const row = await asked('create topic', async (deps) => {
      return (await createTopics(deps, { topics: [wanted], validateOnly: false })).topics
    })
    if (row === 'refused') return
    if (row?.topicId !== undefined) created.set(row.topicId, { name, askedAt })
  }

  const remove = async (name: string) => {
    const topic = named(name)
    const by = topic !== undefined && scheduler.chance(2) ? { topicId: topic.topicId } : { name }
    const deletion: Deletion = { ...by, endedAt: Number.MAX_SAFE_INTEGER }
    deletions.push(deletion)
    const row = await asked(
      'delete topic',
      async (deps) => (await deleteTopics(deps, { topics: [by] })).topics,
    )
    if (row !== undefined) deletion.endedAt = scheduler.steps()
    if (row === undefined || row === 'refused' || row.topicId === undefined) return
    deleted.set(row.topicId, scheduler.steps())
    // Most often made anew at once, which is what goes wrong if anything does.
    if (scheduler.chance(2)) await create(name)
  }

  const addPartition = async (name: string) => {
    const count = (named(name)?.partitions ?? 0) + 1
    if (count > MAX_PARTITIONS) return
    const row = await asked('add partitions', async (deps) => {
      const topics = [{ name, count, assignments: null }]
      return (await createPartitions(deps, { topics, validateOnly: false })).topics
    })
    if (row !== undefined && row !== 'refused') counts.set(row.topicId, count)
  }

  const alter = async (name: string) => {
    const highest = configuration.minIsr < 2 ? 2 : configuration.replicationFactor
    const value = String(
      random.integer(configuration.minIsr, Math.min(highest, configuration.replicationFactor)),
    )
    const isUnclean = configuration.unclean && scheduler.chance(2)
    const config = isUnclean
      ? { ...UNCLEAN, value: String(scheduler.chance(2)) }
      : { name: 'min.insync.replicas', value }
    const topic = named(name)
    const row = await asked('alter configs', async (deps) => {
      const configs = [{ ...config, configOperation: 0 as const }]
      const resources = [{ resourceType: 2, resourceName: name, configs }]
      return (await alterConfigs(deps, { resources, validateOnly: false })).responses
    })
    if (isUnclean || topic === undefined) return
    if (row === undefined) doubtful.add(name)
    else if (row !== 'refused' && named(name)?.topicId === topic.topicId)
      minIsr.set(topic.topicId, Number(value))
  }

  const mayBeDeleted = (topicId: string, { name, askedAt }: { name: string; askedAt: number }) =>
    deletions.some(
      (deletion) => deletion.topicId === topicId || (deletion.name === name && deletion.endedAt > askedAt),
    )

  return {
    createAll: async () => {
      for (const name of configuration.topics) {
        while (named(name) === undefined) {
          await create(name)
          if (named(name) === undefined) await pause(100)
        }
      }
    },

    run: async (isOver) => {
      const { topicDelete, topicPartitions, topicConfigs } = configuration.disasters
      while (!isOver()) {
        await pause(random.integer(50, 1200))
        const name = scheduler.pick(configuration.topics as [string, ...string[]])
        if (named(name) === undefined) await create(name)
        else if (scheduler.chance(topicDelete)) await remove(name)
        else if (scheduler.chance(topicPartitions)) await addPartition(name)
        else if (scheduler.chance(topicConfigs)) await alter(name)
      }
    },

    broken: () => {
      const there = new Map(stored().map((topic) => [topic.topicId, topic]))
      const broken: string[] = []
      for (const [topicId, about] of created) {
        if (there.has(topicId) || mayBeDeleted(topicId, about)) continue
        broken.push(`topic-lost: ${about.name} ${topicId} was created, and nobody deleted it`)
      }
      for (const [topicId, deletedAt] of deleted) {
        if (there.has(topicId)) broken.push(`deletion-undone: ${topicId} is there again`)
        const late = company.operations.find(
          ({ key, type, f, invokedAt }) =>
            f === 'send' && type === 'ok' && invokedAt > deletedAt && key.startsWith(`${topicId}/`),
        )
        if (late !== undefined)
          broken.push(`deleted-append: ${late.key} took ${late.values} after its deletion`)
      }
      for (const [topicId, count] of counts) {
        const has = there.get(topicId)?.partitions ?? count
        if (has < count) broken.push(`partitions-lost: ${topicId} has ${has} of ${count}`)
      }
      for (const [topicId, value] of minIsr) {
        const topic = there.get(topicId)
        if (topic === undefined || doubtful.has(topic.name)) continue
        for (let partition = 0; partition < topic.partitions; partition += 1) {
          const has = headOf(documents, topicId, partition)?.minIsr
          if (has !== value)
            broken.push(`config-lost: ${topicId}/${partition} has minIsr ${has}, not ${value}`)
        }
      }
      for (const [topicId, text] of company.denied) {
        if (there.has(topicId))
          broken.push(`topic-denied: ${topicId} is there, and a client was told ${text}`)
      }
      return broken
    },
  }
}

const UNCLEAN = { name: 'unclean.leader.election.enable', value: 'true' }
