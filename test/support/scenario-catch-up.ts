import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { isFull, type ReplicatedTopic, replicatedTopic } from './replicated-topic.ts'
import { brokenPromises, startLoad } from './replication-load.ts'
import { missingCopies, onStage, type ReplicationReport, type Stage } from './replication-stage.ts'

/** The node that is away, a follower. */
const AWAY = 2
const PAIRS = 4
/** With eight producers 300 batches a second, if the service can. */
const SLOW_PACE_MS = 27
/** Objects of which a joining node has some, by which it is seen that it joins. */
const SOME_OBJECTS = 20
const LOOK_MS = 2
/** A disk of this machine copies a thousand objects in a second, and more when it is not busy. */
const CATCH_UP_PATIENCE_MS = 600_000

/** A node that was away joins again, and loses its data, with all that it was given, while it is given what it lacks. */
export function wipedWhileJoining(
  stage: Stage,
  { appends }: { readonly appends: number },
): Promise<ReplicationReport> {
  return onStage(stage, async ({ endpoint }) => {
    const { say, dataDirectory } = stage
    const { topic, load } = await withoutNode(endpoint, { name: 'wiped-while-joining', appends })
    const incarnation = await topic.incarnation(AWAY)
    await topic.node(AWAY, 'restore')
    // What buckets of an emulator hold is not looked at: that node is wiped as soon as it joins.
    if (typeof dataDirectory === 'string') await hasObjects(join(dataDirectory, 'nodes', String(AWAY), 'wal'))
    await topic.node(AWAY, 'wipe')
    const [atTheWipe] = await topic.partitions()
    say(`wiped while it joins\n${await topic.describe()}`)
    await topic.until(
      'the node has another bucket',
      async () => (await topic.incarnation(AWAY)) > incarnation,
    )
    await topic.until('a full ISR', isFull, CATCH_UP_PATIENCE_MS)
    await load.nextAcknowledgements()
    await load.stop()
    say(`full again\n${await topic.describe()}`)
    const problems = [
      ...load.problems,
      ...(await brokenPromises(topic, load.sent)),
      ...(await missingCopies(stage, topic)),
    ]
    const wiped = atTheWipe?.isrNodes.includes(AWAY) ? 'when it had joined' : 'while it joined'
    return { problems, facts: { batches: load.sent.length, wiped } }
  })
}

/** A node is away for many appends, and comes back while more of them go on: it catches up all the same. */
export function longAbsence(
  stage: Stage,
  { appends }: { readonly appends: number },
): Promise<ReplicationReport> {
  return onStage(stage, async ({ endpoint }) => {
    const { say } = stage
    const beganAtMs = performance.now()
    const { topic, load } = await withoutNode(endpoint, { name: 'long-absence', appends })
    const appendsPerS = rate(load.acknowledged(), beganAtMs)
    load.pace(SLOW_PACE_MS)
    await load.nextAcknowledgements()
    say(`${load.acknowledged()} appends without node ${AWAY}, ${appendsPerS}/s\n${await topic.describe()}`)
    load.longestGapMs()
    const before = load.acknowledged()
    const restoredAtMs = performance.now()
    await topic.node(AWAY, 'restore')
    await topic.until('a full ISR', isFull, CATCH_UP_PATIENCE_MS)
    const closedAfterMs = Math.round(performance.now() - restoredAtMs)
    const meanwhilePerS = rate(load.acknowledged() - before, restoredAtMs)
    await load.nextAcknowledgements()
    const longestGapMs = Math.round(load.longestGapMs())
    await load.stop()
    say(`full after ${closedAfterMs} ms, meanwhile ${meanwhilePerS} appends/s\n${await topic.describe()}`)
    const problems = [
      ...load.problems,
      ...(await brokenPromises(topic, load.sent)),
      ...(await missingCopies(stage, topic)),
    ]
    const errors = JSON.stringify(load.errors)
    return {
      problems,
      facts: { appends: before, appendsPerS, closedAfterMs, meanwhilePerS, longestGapMs, errors },
    }
  })
}

/** A partition to which so much was appended while a node was away, and to which producers still append. */
async function withoutNode(endpoint: () => string, { name, appends }: { name: string; appends: number }) {
  const topic = await replicatedTopic(endpoint, name, 1)
  await topic.node(AWAY, 'fail')
  const load = startLoad(topic, { partitions: [0], pairs: PAIRS })
  await load.nextAcknowledgements()
  await topic.until('the node is out', isOut)
  load.pace(0)
  await load.acknowledgements(appends)
  return { topic, load }
}

const isOut: Parameters<ReplicatedTopic['until']>[1] = (partitions) =>
  partitions.every(({ leaderId, isrNodes }) => leaderId >= 0 && !isrNodes.includes(AWAY))

async function hasObjects(folder: string): Promise<void> {
  const giveUpAtMs = performance.now() + CATCH_UP_PATIENCE_MS
  for (;;) {
    const entries = await readdir(folder, { recursive: true }).catch(() => [])
    if (entries.length > SOME_OBJECTS) return
    if (performance.now() > giveUpAtMs) throw new Error(`nothing is copied to ${folder}`)
    await wait(LOOK_MS)
  }
}

function rate(count: number, sinceMs: number): number {
  return Math.round((count * 1000) / (performance.now() - sinceMs))
}
