import { moveLeader } from '../core/election.ts'
import { type Head, nodeOf } from '../core/head.ts'
import { isOnLiveNode } from '../core/reconcile.ts'
import {
  type ElectedPartition,
  type ElectLeadersRequest,
  type ElectLeadersResponse,
  PREFERRED_ELECTION,
} from '../protocol/api/elect-leaders.ts'
import { KafkaError, NO_ERROR } from '../protocol/kafka-error.ts'
import type { Control } from './control.ts'
import { underLease } from './controller.ts'
import type { Deps } from './deps.ts'
import { type Partition, partitionName, requireHead, updateHead } from './heads.ts'
import { refusePartitionsTwice } from './named-twice.ts'
import { readNodes } from './nodes.ts'
import { answerTopics, type PartitionRow, partitionRows } from './partition-rows.ts'
import { probeNodes } from './probe-nodes.ts'
import { reconcilePartition } from './reconcile-partition.ts'
import { eachRow, rowOf } from './rows.ts'
import { allTopics, requestedPartition } from './topics.ts'

type Row = PartitionRow<{ readonly partitionIndex: number }>
/** Elects one partition's leader; answers the head after it. */
type Elect = (partition: Partition, head: Head) => Promise<Head>

/**
 * Gives partitions the leader that they were assigned first, or, where no replica holds all that readers count on, one
 * that loses data (Kafka's ElectLeaders, API key 43). Neither happens unasked.
 *
 * @throws KafkaError INVALID_REQUEST when a partition stands in the request twice
 * @throws KafkaError NOT_CONTROLLER when an unclean election is asked for and another controller is at work for long
 */
export async function electLeaders(deps: Deps, request: ElectLeadersRequest): Promise<ElectLeadersResponse> {
  const topics = request.topics ?? (await everyPartition(deps))
  refusePartitionsTwice(topics)
  const answers =
    request.electionType === PREFERRED_ELECTION
      ? await electPreferred(deps, partitionRows(topics))
      : await electUnclean(deps, partitionRows(topics))
  const answered = answerTopics(topics, answers)
  if (request.topics !== null) return { topics: answered }
  const held = answered.map((topic) => ({ ...topic, partitions: topic.partitions.filter(wasNeeded) }))
  return { topics: held.filter(({ partitions }) => partitions.length > 0) }
}

async function electPreferred(deps: Deps, rows: readonly Row[]): Promise<readonly ElectedPartition[]> {
  const nodes = await readNodes(deps)
  return elections(deps, rows, async (partition, known) => {
    let head = known
    for (let tries = 0; tries < deps.limits.maxUpdateTries; tries += 1) {
      const preferred = head.replicas[0] ?? ''
      // A write that is carried out twice is refused by itself.
      if (head.leader === preferred && tries > 0) return head
      if (head.leader === preferred) throw notNeeded(partition)
      const fits = head.isr.includes(preferred) && head.holeStart[preferred] === undefined
      if (head.leader === undefined || !fits || !isOnLiveNode(preferred, nodes)) {
        throw new KafkaError(
          'PREFERRED_LEADER_NOT_AVAILABLE',
          `preferred replica is not in sync partition=${partitionName(partition)} replica=${nodeOf(preferred)}`,
        )
      }
      const verdict = await updateHead(deps, partition, moveLeader(head, preferred))
      if (verdict.applied) return verdict.head
      head = verdict.head ?? (await requireHead(deps, partition))
    }
    throw new KafkaError(
      'KAFKA_STORAGE_ERROR',
      `head changed at every try partition=${partitionName(partition)}`,
    )
  })
}

async function electUnclean(deps: Deps, rows: readonly Row[]): Promise<readonly ElectedPartition[]> {
  const answers = await underLease(deps, async (control) => {
    await probeNodes(control)
    return elections(deps, rows, (partition, known) => electAnyone(control, partition, known))
  })
  if (answers !== undefined) return answers
  throw new KafkaError('NOT_CONTROLLER', 'another controller is at work')
}

async function electAnyone(control: Control, partition: Partition, known: Head): Promise<Head> {
  refuseInVain(control, partition, known)
  await control.renew()
  let hasWritten = false
  const onWrite = () => {
    hasWritten = true
  }
  const head = await reconcilePartition(control, partition, { uncleanAllowed: true, onWrite })
    .then((left) => {
      if (left?.leader === undefined) throw nobodyEligible(partition)
      return left
    })
    .catch((error: unknown) => {
      throw hasWritten ? withEffect(error) : error
    })
  // Of that epoch there was neither a fence nor an election.
  if (known.leader !== undefined && head.leaderEpoch === known.leaderEpoch) throw notNeeded(partition)
  return head
}

/** Judges before anything is written, not even the fence: an answer that says so has no effect. */
function refuseInVain({ nodes }: Control, partition: Partition, { leader, replicas }: Head): void {
  if (leader !== undefined && isOnLiveNode(leader, nodes)) throw notNeeded(partition)
  // A bucket that the head does not know yet is elected under its new name, so the node alone counts.
  if (!replicas.some((replica) => nodes.get(nodeOf(replica))?.state === 'UP')) throw nobodyEligible(partition)
}

/** The fence, or all of the election, was answered before this failed: no definite answer can be given. */
function withEffect(error: unknown): unknown {
  if (!(error instanceof KafkaError) || error.effect === 'unknown') return error
  return new KafkaError('REQUEST_TIMED_OUT', `election may have taken effect: ${error.message}`, {
    cause: error,
  })
}

function elections(deps: Deps, rows: readonly Row[], elect: Elect): Promise<readonly ElectedPartition[]> {
  return eachRow(deps, rows, async (row): Promise<ElectedPartition> => {
    const { partitionIndex } = row
    const answer = await rowOf(deps, async () => {
      const { partition, head } = await requestedPartition(deps, row)
      const { leader, leaderEpoch } = await elect(partition, head)
      return { ...NO_ERROR, leaderId: leader === undefined ? -1 : nodeOf(leader), leaderEpoch }
    })
    return { partitionIndex, ...answer }
  })
}

async function everyPartition(deps: Deps) {
  return (await allTopics(deps)).map(({ name, topicId, partitionCount }) => ({
    name,
    topicId,
    partitions: Array.from({ length: partitionCount }, (_, partitionIndex) => ({ partitionIndex })),
  }))
}

function nobodyEligible(partition: Partition): KafkaError {
  return new KafkaError(
    'ELIGIBLE_LEADERS_NOT_AVAILABLE',
    `no replica is on a live node partition=${partitionName(partition)}`,
  )
}

function notNeeded(partition: Partition): KafkaError {
  return new KafkaError(
    'ELECTION_NOT_NEEDED',
    `partition has that leader already partition=${partitionName(partition)}`,
  )
}

function wasNeeded(partition: ElectedPartition): boolean {
  return !('errorName' in partition) || partition.errorName !== 'ELECTION_NOT_NEEDED'
}
