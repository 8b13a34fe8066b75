import { setTimeout as wait } from 'node:timers/promises'
import { type Answer, isFull, type ReplicatedTopic, replicatedTopic, type Sent } from './replicated-topic.ts'
import { missingCopies, onStage, type ReplicationReport, type Stage } from './replication-stage.ts'

const PARTITIONS = 3
const INDEXES = [0, 1, 2] as const
const RETRY_MS = 20
/** More tries than the controller needs to see what happened. */
const MAX_TRIES = 500
/** Batches that are appended with acks=1 while one replica is left. */
const LONELY = 3

/**
 * Two nodes of three fail, `apartMs` after each other, so that the third is left in the ISR of every partition. What needs
 * two replicas is refused and never seen; what needs the leader only is taken and seen once the others are back.
 */
export function twoNodesFail(
  stage: Stage,
  { apartMs }: { readonly apartMs: number },
): Promise<ReplicationReport> {
  return onStage(stage, async ({ endpoint }) => {
    const { say } = stage
    const problems: string[] = []
    const topic = await replicatedTopic(endpoint, `two-nodes-${apartMs}`, PARTITIONS)
    const first = await appendEverywhere(topic, 'first')
    await topic.node(0, 'fail')
    if (apartMs > 0) {
      await wait(apartMs) // not for anything: the second fault comes when the first was dealt with, or not
      first.push(...(await appendEverywhere(topic, 'between')))
    }
    await topic.node(1, 'fail')
    const failedAtMs = performance.now()
    for (const partitionIndex of INDEXES) problems.push(...(await refusedWhileAlone(topic, partitionIndex)))
    await topic.until('node 2 is alone', isAlone)
    const refusedAfterMs = Math.round(performance.now() - failedAtMs)
    say(`two nodes failed, the third is alone after ${refusedAfterMs} ms\n${await topic.describe()}`)

    const watermarks = (await topic.partitions()).map(({ highWatermark }) => highWatermark)
    const lonely: Placed[] = []
    for (const partitionIndex of INDEXES) {
      for (let number = 0; number < LONELY; number += 1) {
        const sent = { partitionIndex, values: [`lonely-${partitionIndex}-${number}`], acks: 1 } as const
        lonely.push(placed(sent, await topic.produce(sent)))
      }
      const sent = { partitionIndex, values: [`refused-${partitionIndex}-again`] }
      problems.push(...unlessRefused(sent, await topic.produce(sent), ['NOT_ENOUGH_REPLICAS']))
    }
    problems.push(...(await misplaced(topic, first)))
    for (const { partitionIndex, highWatermark, logEndOffset = 0 } of await topic.partitions()) {
      const before = watermarks[partitionIndex] ?? 0
      if (highWatermark !== before)
        problems.push(`${partitionIndex}: the high watermark moved to ${highWatermark}`)
      if (logEndOffset !== before + LONELY)
        problems.push(`${partitionIndex}: the log ends at ${logEndOffset}`)
      if ((await topic.read(partitionIndex)).size !== before)
        problems.push(`${partitionIndex}: more is visible`)
    }

    const restoredAtMs = performance.now()
    await Promise.all([topic.node(0, 'restore'), topic.node(1, 'restore')])
    await topic.until('a full ISR', isFull)
    const fullAfterMs = Math.round(performance.now() - restoredAtMs)
    say(`both restored, full after ${fullAfterMs} ms\n${await topic.describe()}`)
    const last = await appendEverywhere(topic, 'last')
    problems.push(...(await misplaced(topic, [...first, ...lonely, ...last])))
    problems.push(...(await missingCopies(stage, topic)))
    return { problems, facts: { apartMs, aloneAfterMs: refusedAfterMs, fullAfterMs } }
  })
}

const isAlone: Parameters<ReplicatedTopic['until']>[1] = (partitions) =>
  partitions.every(({ leaderId, isrNodes }) => leaderId === 2 && isrNodes.join() === '2')

/** Sends with acks=all until it is refused for want of replicas. Nothing may be taken, or be of unknown effect, meanwhile. */
async function refusedWhileAlone(topic: ReplicatedTopic, partitionIndex: number): Promise<string[]> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const sent = { partitionIndex, values: [`refused-${partitionIndex}-${tries}`] }
    const answer = await topic.produce(sent)
    const problems = unlessRefused(sent, answer, TRANSITIONAL)
    if (problems.length > 0 || answer.kind === 'acknowledged') return problems
    if (answer.errorName === 'NOT_ENOUGH_REPLICAS') return []
    await wait(RETRY_MS)
  }
  return [`${partitionIndex}: is not refused for want of replicas`]
}

/** What may be answered before the controller has done its work. */
const TRANSITIONAL = ['NOT_ENOUGH_REPLICAS', 'KAFKA_STORAGE_ERROR', 'LEADER_NOT_AVAILABLE']

function unlessRefused({ partitionIndex, values }: Sent, answer: Answer, names: readonly string[]): string[] {
  if (answer.kind === 'refused' && names.includes(answer.errorName)) return []
  return [`${partitionIndex}: ${values} was not refused: ${JSON.stringify(answer)}`]
}

/** Values and the offset that was answered for the first of them. */
export interface Placed {
  readonly partitionIndex: number
  readonly values: readonly string[]
  readonly baseOffset: number
}

export function placed({ partitionIndex, values }: Sent, answer: Answer): Placed {
  if (answer.kind === 'acknowledged') return { partitionIndex, values, baseOffset: answer.baseOffset }
  throw new Error(`${values} was not acknowledged: ${answer.errorName}`)
}

/** Appends a batch to every partition with acks=all; one that is refused is sent again. */
export async function appendEverywhere(topic: ReplicatedTopic, name: string): Promise<Placed[]> {
  return Promise.all(
    INDEXES.map(async (partitionIndex) => {
      const sent = { partitionIndex, values: [`${name}-${partitionIndex}.0`, `${name}-${partitionIndex}.1`] }
      return placed(sent, await untilTaken(() => topic.produce(sent)))
    }),
  )
}

/** Sends until it is not refused any more. */
export async function untilTaken(send: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    const answer = await send()
    if (answer.kind !== 'refused' || tries === MAX_TRIES) return answer
    await wait(RETRY_MS)
  }
}

/** How the log differs from what was answered: it holds each value where it was acknowledged, and no other. */
export async function misplaced(topic: ReplicatedTopic, all: readonly Placed[]): Promise<string[]> {
  const problems: string[] = []
  for (const partitionIndex of INDEXES) {
    const log = await topic.read(partitionIndex)
    const wanted = new Map<number, string>()
    for (const { baseOffset, values } of all.filter((each) => each.partitionIndex === partitionIndex)) {
      for (const [position, value] of values.entries()) wanted.set(baseOffset + position, value)
    }
    for (const offset of new Set([...log.keys(), ...wanted.keys()])) {
      const value = log.get(offset)
      if (value === wanted.get(offset)) continue
      problems.push(`${partitionIndex}/${offset}: is ${value}, was acknowledged as ${wanted.get(offset)}`)
    }
  }
  return problems
}
