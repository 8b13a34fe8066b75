import { rowError } from '../../client/index.ts'
import { isFull, type ReplicatedTopic, replicatedTopic } from './replicated-topic.ts'
import { missingCopies, onStage, type ReplicationReport, type Stage } from './replication-stage.ts'
import { appendEverywhere, misplaced, type Placed, placed, untilTaken } from './scenario-two-nodes.ts'

const PARTITIONS = 3
const PRODUCER_ID = 7
/** Records that only one node has, a batch each; the producer's first sequence is in the log of all. */
const LOST = 3

/**
 * Two nodes of three fail, the third takes what is produced with acks=1, and loses it. The log goes on from where the
 * others end: in a new epoch, with offsets and sequences assigned anew, and with all that acks=all acknowledged.
 */
export function onlyCopyIsLost(stage: Stage): Promise<ReplicationReport> {
  return onStage(stage, async (service) => {
    const { say } = stage
    const problems: string[] = []
    const topic = await replicatedTopic(service.endpoint, 'only-copy', PARTITIONS)
    const kept = await appendEverywhere(topic, 'first')
    for (const { partitionIndex } of await topic.partitions())
      kept.push(await send(topic, partitionIndex, 0, -1))

    await Promise.all([topic.node(0, 'fail'), topic.node(1, 'fail')])
    for (const { partitionIndex } of await topic.partitions()) {
      for (let sequence = 1; sequence <= LOST; sequence += 1) await send(topic, partitionIndex, sequence, 1)
    }
    await topic.until('node 2 is alone', (all) => all.every(({ isrNodes }) => isrNodes.join() === '2'))
    const alone = await topic.partitions()
    say(`one copy\n${await topic.describe()}`)
    for (const { partitionIndex, highWatermark = 0, logEndOffset = 0 } of alone) {
      if (logEndOffset - highWatermark === LOST) continue
      problems.push(`${partitionIndex}: ends at ${logEndOffset}, high watermark ${highWatermark}`)
    }

    await topic.node(2, 'fail')
    await topic.node(2, 'wipe')
    const restoredAtMs = performance.now()
    await Promise.all([topic.node(0, 'restore'), topic.node(1, 'restore')])
    await topic.until('nodes 0 and 1 are in sync', (all) =>
      all.every(({ leaderId, isrNodes }) => leaderId >= 0 && leaderId < 2 && isrNodes.length === 2),
    )
    const electedAfterMs = Math.round(performance.now() - restoredAtMs)
    say(`no copy, two nodes back after ${electedAfterMs} ms\n${await topic.describe()}`)
    for (const before of alone) {
      problems.push(...(await readersAreTold(topic, before)))
      const { partitionIndex } = before
      // What a producer sends that knows of no loss has a gap before it; what it sends again is no duplicate.
      const next = await produce(topic, { partitionIndex, sequence: LOST + 1, acks: -1 })
      if (next.kind !== 'refused' || next.errorName !== 'OUT_OF_ORDER_SEQUENCE_NUMBER') {
        problems.push(`${partitionIndex}: the next sequence is answered ${JSON.stringify(next)}`)
      }
      const again = await send(topic, partitionIndex, 1, -1)
      if (again.baseOffset !== before.highWatermark) {
        problems.push(`${partitionIndex}: sequence 1 is at ${again.baseOffset}, not ${before.highWatermark}`)
      }
      kept.push(again)
    }
    kept.push(...(await appendEverywhere(topic, 'last')))
    problems.push(...(await misplaced(topic, kept)))

    await topic.node(2, 'restore')
    await topic.until('a full ISR', isFull)
    say(`all back\n${await topic.describe()}`)
    problems.push(...(await misplaced(topic, kept)), ...(await missingCopies(stage, topic)))
    await service.kill()
    const truncated = service.saidLines('log is truncated').length
    if (truncated !== PARTITIONS) problems.push(`${truncated} logs are said to be truncated`)
    return { problems, facts: { electedAfterMs, truncated } }
  })
}

/** A reader that had been where the log ended, in the epoch of then, learns where the log went another way. */
async function readersAreTold(
  topic: ReplicatedTopic,
  before: Awaited<ReturnType<ReplicatedTopic['partitions']>>[number],
): Promise<string[]> {
  const { partitionIndex, leaderEpoch, highWatermark, logEndOffset = 0 } = before
  const now = (await topic.partitions())[partitionIndex]
  const problems: string[] = []
  const wanted = { highWatermark, logEndOffset: highWatermark, isNewEpoch: true }
  const found = {
    highWatermark: now?.highWatermark,
    logEndOffset: now?.logEndOffset,
    isNewEpoch: (now?.leaderEpoch ?? 0) > leaderEpoch,
  }
  if (JSON.stringify(found) !== JSON.stringify(wanted))
    problems.push(`${partitionIndex}: is ${JSON.stringify(found)}`)

  const asked = { partitionIndex, leaderEpoch }
  const ends = await topic.log.call('offset-for-leader-epoch', {
    topics: [{ name: topic.name, partitions: [asked] }],
  })
  const end = ends.topics[0]?.partitions[0]
  if (end?.errorCode !== 0 || end.endOffset !== highWatermark) {
    problems.push(
      `${partitionIndex}: epoch ${leaderEpoch} ended ${JSON.stringify(end)}, not at ${highWatermark}`,
    )
  }
  const position = { partitionIndex, fetchOffset: logEndOffset, lastFetchedEpoch: leaderEpoch }
  const topics = [{ name: topic.name, partitions: [position] }]
  const row = (await topic.log.call('fetch', { maxWaitMs: 0, topics })).topics[0]?.partitions[0]
  const isTold =
    row !== undefined && rowError(row) === undefined && row.divergingEpoch?.endOffset === highWatermark
  if (!isTold)
    problems.push(`${partitionIndex}: a reader at ${logEndOffset} is answered ${JSON.stringify(row)}`)
  return problems
}

interface Sequenced {
  readonly partitionIndex: number
  readonly sequence: number
  readonly acks: 1 | -1
}

/** One record of the producer, until it is taken. */
async function send(
  topic: ReplicatedTopic,
  partitionIndex: number,
  sequence: number,
  acks: 1 | -1,
): Promise<Placed> {
  const answer = await untilTaken(() => produce(topic, { partitionIndex, sequence, acks }))
  return placed({ partitionIndex, values: [textOf(partitionIndex, sequence, acks)] }, answer)
}

function produce(topic: ReplicatedTopic, { partitionIndex, sequence, acks }: Sequenced) {
  const values = [textOf(partitionIndex, sequence, acks)]
  const producer = { producerId: PRODUCER_ID, baseSequence: sequence }
  return topic.produce({ partitionIndex, values, acks, producer })
}

function textOf(partitionIndex: number, sequence: number, acks: number): string {
  return `sequence-${partitionIndex}-${sequence}-acks-${acks}`
}
