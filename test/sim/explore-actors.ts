import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { encodeBatch } from '../../shared/protocol/encode-batch.ts'
import { errorRow, KafkaError } from '../../shared/protocol/kafka-error.ts'
import { catchUp } from '../../shared/service/catch-up.ts'
import { runController } from '../../shared/service/controller.ts'
import type { Deps } from '../../shared/service/deps.ts'
import { electLeaders } from '../../shared/service/elect-leaders.ts'
import { produce } from '../../shared/service/produce.ts'
import { decodeHead } from '../../shared/store/items/head-item.ts'
import { headKey } from '../../shared/store/keys.ts'
import type { Process, Reach } from './explore-process.ts'
import type { World } from './explore-world.ts'

/** Somebody who asks the service for one thing after the other, or runs its background work. */
export interface Actor {
  readonly name: string
  act(stage: Stage): Promise<void>
}

/** What an actor can do, each time in a new process. */
export interface Stage {
  send(batch: Batch): Promise<Sent>
  /** Runs the controller, which takes the storage nodes `cutFrom` for failed. */
  controller(cutFrom?: readonly number[]): Promise<void>
  catchUp(): Promise<void>
  /** Has the replica that was assigned first lead. */
  preferFirst(): Promise<void>
  wipe(nodeId: number): Promise<void>
  pass(ms: number): Promise<void>
}

/** A record to send. */
export interface Batch extends Reach {
  readonly value: string
  readonly acks: -1 | 1
  /** Of an idempotent producer, which sends again what was not acknowledged. */
  readonly producer?: { readonly producerId: number; readonly baseSequence: number }
  readonly tries?: number
}

/** A record, and what its client was told: `fail` only if it had no effect and never will; `info`: nobody knows. */
export interface Sent extends Batch {
  readonly outcome: 'ok' | 'fail' | 'info'
  readonly offset: number
  readonly errorName: string
}

/** The topic of a scenario, of one partition. */
export interface Topic {
  readonly name: string
  readonly topicId: string
}

/** The actors of a run so far, and what came of what they sent. */
export interface Company {
  readonly sent: Sent[]
  /** Begins an actor's part. */
  begin(actor: Actor): void
  isOver(actor: Actor): boolean
}

/** A produce gives up so soon that nothing else has to wait for it. */
const TIMEOUT_MS = 1000
const NO_ANSWER = Symbol('no answer')

/** What faults and failovers leave a client with. */
const EXPECTED: ReadonlySet<string> = new Set([
  'REQUEST_TIMED_OUT',
  'KAFKA_STORAGE_ERROR',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'LEADER_NOT_AVAILABLE',
])
/** What follows from the loss of an earlier batch, which acks=all alone excludes. */
const AFTER_A_LOSS: ReadonlySet<string> = new Set(['OUT_OF_ORDER_SEQUENCE_NUMBER'])

export function newCompany(world: World, topic: Topic, earlier: readonly Sent[] = []): Company {
  const sent = [...earlier]
  const over = new Set<string>()
  const problem = (text: string) => world.problems.push(text)
  return {
    sent,
    isOver: ({ name }) => over.has(name),
    begin: (actor) => {
      const saying = (text: string) => world.said.set(actor.name, text)
      saying('')
      const say = (text: string) => saying(`${world.said.get(actor.name)} ${text}`)
      actor.act(newStage({ world, topic, sent, actor: actor.name, say })).then(
        () => {
          over.add(actor.name)
          saying(`over ${world.said.get(actor.name)}`)
        },
        (error: unknown) =>
          problem(`${actor.name} stopped: ${error instanceof Error ? error.stack : String(error)}`),
      )
    },
  }
}

interface Setting {
  readonly world: World
  readonly topic: Topic
  readonly sent: Sent[]
  readonly actor: string
  say(text: string): void
}

function newStage(setting: Setting): Stage {
  const { world, topic, say } = setting
  const inProcess = async (reach: Reach, run: (deps: Deps) => Promise<unknown>) => {
    const answer = await ask(world.newProcess(setting.actor, reach), run)
    say(answer === NO_ANSWER ? 'gone' : 'done')
  }
  const refused = (error: unknown) => {
    if (!(error instanceof KafkaError)) throw error
  }
  return {
    send: (batch) => send(setting, batch),
    controller: (cutFrom = []) => inProcess({ cutFrom }, runController),
    catchUp: () =>
      inProcess({}, (deps) =>
        catchUp(deps, {
          task: 'catchUp',
          topicName: topic.name,
          topicId: topic.topicId,
          partitionIndex: 0,
        }),
      ),
    preferFirst: () =>
      inProcess({}, (deps) => electLeaders(deps, { electionType: 0, topics: null }).catch(refused)),
    wipe: (nodeId) => {
      const process = world.newProcess(setting.actor)
      return new Promise<void>((resolve) => {
        process.calls.push({
          what: `node ${nodeId} is wiped`,
          touched: { id: `node ${nodeId}` },
          isWrite: true,
          place: 'always',
          signal: undefined,
          run: async () => world.stores.wipe(nodeId),
          resolve: () => resolve(),
          reject: () => undefined,
          outcome: undefined,
        })
      })
    },
    pass: (ms) => world.newProcess(setting.actor).deps.clock.sleep(ms),
  }
}

/** The answer of a process, or that it is gone or asleep: then its client waits no longer. */
function ask<T>(process: Process, run: (deps: Deps) => Promise<T>): Promise<T | typeof NO_ANSWER> {
  return new Promise((resolve, reject) => {
    process.whenGone.push(() => resolve(NO_ANSWER))
    run(process.deps).then(resolve, reject)
  })
}

async function send(setting: Setting, batch: Batch): Promise<Sent> {
  let inDoubt = false
  let last: Answer | typeof NO_ANSWER = NO_ANSWER
  for (let tries = 0; tries < (batch.tries ?? 1); tries += 1) {
    last = await ask(setting.world.newProcess(setting.actor, batch), (deps) => sendOnce(deps, setting, batch))
    if (last === NO_ANSWER || last.effect === 'unknown') inDoubt = true
    if (last !== NO_ANSWER && (last.errorName === '' || !last.retriable)) break
  }
  const isDone = last !== NO_ANSWER && isAcknowledged(last)
  const outcome = isDone ? 'ok' : inDoubt ? 'info' : 'fail'
  const { offset, errorName } = last === NO_ANSWER ? { offset: -1, errorName: 'no answer' } : last
  const sent: Sent = { ...batch, outcome, offset, errorName }
  setting.sent.push(sent)
  setting.say(`${batch.value} ${outcome} ${offset} ${errorName}`)
  return sent
}

interface Answer {
  readonly offset: number
  readonly errorName: string
  readonly effect: 'none' | 'unknown' | undefined
  readonly retriable: boolean
}

/** Kafka's clients take a duplicate for success. */
const isAcknowledged = ({ errorName }: Answer) =>
  errorName === '' || errorName === 'DUPLICATE_SEQUENCE_NUMBER'

async function sendOnce(deps: Deps, setting: Setting, batch: Batch): Promise<Answer> {
  const { world, topic } = setting
  const partitions = [{ partitionIndex: 0, batch: encoded(batch, world.nowMs()) }]
  const request = {
    acks: batch.acks,
    timeoutMs: TIMEOUT_MS,
    transactionalId: null,
    topics: [{ name: topic.name, partitions }],
  }
  const row = await produce(deps, request).then(
    ({ topics }) => topics[0]?.partitions[0],
    (error: unknown) => {
      if (!(error instanceof KafkaError)) throw error
      return errorRow(error)
    },
  )
  if (row === undefined) throw new Error('answer without a row')
  if (!('errorName' in row)) {
    if (batch.acks === -1 && !world.scenario.unclean) await checkAcknowledged(setting, row.baseOffset)
    return { offset: row.baseOffset, errorName: '', effect: undefined, retriable: false }
  }
  const { errorName, effect, retriable } = row
  const isExpected =
    EXPECTED.has(errorName) ||
    errorName === 'DUPLICATE_SEQUENCE_NUMBER' ||
    (AFTER_A_LOSS.has(errorName) && batch.acks === 1)
  if (!isExpected) world.problems.push(`${batch.value} was answered ${errorName}: ${row.errorMessage}`)
  return { offset: -1, errorName, effect, retriable }
}

/** What is acknowledged to acks=all is below the high watermark. */
async function checkAcknowledged({ world, topic }: Setting, offset: number): Promise<void> {
  const item = await world.stores.documents.get(headKey(topic.topicId, 0), 'strong')
  const { highWatermark } = decodeHead(item ?? {})
  if (highWatermark > offset) return
  world.problems.push(`offset ${offset} was acknowledged, the high watermark is ${highWatermark}`)
}

const batches = new Map<string, Uint8Array>()

function encoded({ value, producer }: Batch, timestamp: number): Uint8Array {
  const name = JSON.stringify([value, producer, timestamp])
  const known = batches.get(name)
  if (known !== undefined) return known
  const batch = encodeBatch({
    records: [{ key: null, value: new TextEncoder().encode(value), headers: [], timestamp }],
    compression: 'none',
    codecs: nodeCodecs,
    ...(producer === undefined ? {} : { producer: { ...producer, producerEpoch: 0 } }),
  })
  batches.set(name, batch)
  return batch
}
