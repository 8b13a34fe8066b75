import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { encodeBatch } from '../../shared/protocol/encode-batch.ts'
import { errorRow, KafkaError } from '../../shared/protocol/kafka-error.ts'
import { catchUp } from '../../shared/service/catch-up.ts'
import { runController } from '../../shared/service/controller.ts'
import type { Deps } from '../../shared/service/deps.ts'
import { electLeaders } from '../../shared/service/elect-leaders.ts'
import { produce } from '../../shared/service/produce.ts'
import { wiping } from './explore-ports.ts'
import { type Around, newExploredProcess, type Process, type Reach } from './explore-process.ts'

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
  /** Gives the replicas what they lack, but for those on the storage nodes `cutFrom`. */
  catchUp(cutFrom?: readonly number[]): Promise<void>
  /** Has the replica that was assigned first lead. */
  preferFirst(): Promise<void>
  wipe(nodeId: number): Promise<void>
  pass(ms: number): Promise<void>
  /** The answer of a service; undefined if its process is gone. */
  ask<T>(run: (deps: Deps) => Promise<T>): Promise<T | undefined>
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

/** An actor at work. */
export interface Work {
  readonly processes: readonly Process[]
  /** All that it may still remember of what its processes answered. */
  said: string
  isOver: boolean
  readonly sent: Sent[]
  /** Offsets that were acknowledged to acks=all: the high watermark is past them. */
  readonly acknowledged: number[]
  readonly problems: string[]
}

/** Where actors work. */
export interface Setting extends Around {
  readonly topic: Topic
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

/** Begins an actor's part. */
export function beginWork(actor: Actor, setting: Omit<Setting, 'logged'>): Work {
  const processes: Process[] = []
  const problems: string[] = []
  const work: Work = { processes, said: '', isOver: false, sent: [], acknowledged: [], problems }
  const around = { ...setting, logged: (line: string) => problems.push(line) }
  const newProcess = (reach: Reach = {}) => {
    const name = `${actor.name}${processes.length + 1}`
    const process = newExploredProcess({ name, reach }, around)
    processes.push(process)
    return process
  }
  actor.act(newStage({ setting, work, newProcess })).then(
    () => {
      work.isOver = true
    },
    (error: unknown) =>
      problems.push(`${actor.name} stopped: ${error instanceof Error ? error.stack : String(error)}`),
  )
  return work
}

interface Role {
  readonly setting: Omit<Setting, 'logged'>
  readonly work: Work
  newProcess(reach?: Reach): Process
}

function newStage(role: Role): Stage {
  const { setting, work, newProcess } = role
  const inProcess = async (reach: Reach, run: (deps: Deps) => Promise<unknown>) => {
    const answer = await ask(newProcess(reach), run)
    work.said += answer === NO_ANSWER ? ' gone' : ' done'
  }
  const refused = (error: unknown) => {
    if (!(error instanceof KafkaError)) throw error
  }
  const { name: topicName, topicId } = setting.topic
  return {
    send: (batch) => send(role, batch),
    controller: (cutFrom = []) => inProcess({ cutFrom }, runController),
    catchUp: (cutFrom = []) =>
      inProcess({ cutFrom }, (deps) =>
        catchUp(deps, { task: 'catchUp', topicName, topicId, partitionIndex: 0 }),
      ),
    preferFirst: () =>
      inProcess({}, (deps) => electLeaders(deps, { electionType: 0, topics: null }).catch(refused)),
    wipe: (nodeId) => {
      const process = newProcess()
      const call = wiping(setting.stores, nodeId)
      return new Promise<void>((resolve, reject) => {
        process.hasAnswered = true
        process.pending.push({ id: 0, call, signal: undefined, resolve: () => resolve(), reject })
      })
    },
    pass: (ms) => inProcess({}, ({ clock }) => clock.sleep(ms)),
    ask: async (run) => {
      const answer = await ask(newProcess(), run)
      return answer === NO_ANSWER ? undefined : answer
    },
  }
}

/** The answer of a process, or that it is gone or asleep: then its client waits no longer. */
function ask<T>(process: Process, run: (deps: Deps) => Promise<T>): Promise<T | typeof NO_ANSWER> {
  return new Promise((resolve, reject) => {
    process.whenGone.push(() => resolve(NO_ANSWER))
    run(process.deps)
      .finally(() => {
        process.hasAnswered = true
      })
      .then(resolve, reject)
  })
}

async function send(role: Role, batch: Batch): Promise<Sent> {
  const { work, newProcess } = role
  let inDoubt = false
  let last: Answer | typeof NO_ANSWER = NO_ANSWER
  for (let tries = 0; tries < (batch.tries ?? 1); tries += 1) {
    last = await ask(newProcess(batch), (deps) => sendOnce(deps, role, batch))
    if (last === NO_ANSWER || last.effect === 'unknown') inDoubt = true
    work.said += ` ${inDoubt}`
    if (last !== NO_ANSWER && (last.errorName === '' || !last.retriable)) break
  }
  const isDone = last !== NO_ANSWER && isAcknowledged(last)
  const outcome = isDone ? 'ok' : inDoubt ? 'info' : 'fail'
  const { offset, errorName } = last === NO_ANSWER ? { offset: -1, errorName: 'no answer' } : last
  const sent: Sent = { ...batch, outcome, offset, errorName }
  work.sent.push(sent)
  work.said += ` ${batch.value} ${outcome} ${offset} ${errorName}`
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

async function sendOnce(deps: Deps, { setting, work }: Role, batch: Batch): Promise<Answer> {
  const { topic, scenario } = setting
  const partitions = [{ partitionIndex: 0, batch: encoded(batch, setting.nowMs()) }]
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
    if (batch.acks === -1 && !scenario.unclean) work.acknowledged.push(row.baseOffset)
    return { offset: row.baseOffset, errorName: '', effect: undefined, retriable: false }
  }
  const { errorName, effect, retriable } = row
  const isExpected =
    EXPECTED.has(errorName) ||
    errorName === 'DUPLICATE_SEQUENCE_NUMBER' ||
    (AFTER_A_LOSS.has(errorName) && batch.acks === 1)
  if (!isExpected) work.problems.push(`${batch.value} was answered ${errorName}: ${row.errorMessage}`)
  return { offset: -1, errorName, effect, retriable }
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
