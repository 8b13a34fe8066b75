import { isFull, type ReplicatedTopic, replicatedTopic } from './replicated-topic.ts'
import { brokenPromises, type Load, startLoad } from './replication-load.ts'
import { missingCopies, onStage, type ReplicationReport, type Stage } from './replication-stage.ts'

/** What befalls a storage node, and then ends. */
type Fault = 'fail' | 'hang' | 'wipe'

const FAULTS: readonly Fault[] = ['fail', 'hang', 'wipe']
const PARTITIONS = [0, 1, 2]

/**
 * Producers and consumers run against a real service while each node in turn fails, hangs and loses its data, and comes
 * back. In the end everything that was acknowledged must be where it was acknowledged, on every replica, and the ISR full.
 * The facts have the longest time in ms that a partition acknowledged nothing, by fault, and to a full ISR afterwards.
 */
export function faultCycle(
  stage: Stage,
  { nodes }: { readonly nodes: readonly number[] },
): Promise<ReplicationReport> {
  return onStage(stage, async ({ endpoint }) => {
    const topic = await replicatedTopic(endpoint, 'replicated', PARTITIONS.length)
    const load = startLoad(topic, { partitions: PARTITIONS })
    await load.nextAcknowledgements()
    const gapMs = { fail: 0, hang: 0, wipe: 0 }
    let recoveryMs = 0
    for (const node of nodes) {
      for (const fault of FAULTS) {
        const step = await oneFault(topic, load, { node, fault, say: stage.say })
        gapMs[fault] = Math.max(gapMs[fault], step.gapMs)
        recoveryMs = Math.max(recoveryMs, step.recoveryMs)
      }
    }
    await load.stop()
    await topic.until('a full ISR', isFull)
    stage.say(await topic.describe())
    const { sent, errors } = load
    const broken = [...(await brokenPromises(topic, sent)), ...(await missingCopies(stage, topic))]
    const facts = {
      batches: sent.length,
      acknowledged: load.acknowledged(),
      failGapMs: gapMs.fail,
      hangGapMs: gapMs.hang,
      wipeGapMs: gapMs.wipe,
      recoveryMs,
      errors: JSON.stringify(errors),
    }
    return { problems: [...load.problems, ...broken], facts }
  })
}

async function oneFault(
  topic: ReplicatedTopic,
  load: Load,
  { node, fault, say }: { node: number; fault: Fault; say: Stage['say'] },
): Promise<{ readonly gapMs: number; readonly recoveryMs: number }> {
  const incarnation = await topic.incarnation(node)
  load.longestGapMs()
  await topic.node(node, fault)
  await load.nextAcknowledgements()
  // A wipe shows when somebody looks, the others as soon as somebody writes.
  await topic.until('the fault is noticed', async (all) =>
    fault === 'wipe'
      ? (await topic.incarnation(node)) > incarnation
      : all.every(({ isrNodes }) => !isrNodes.includes(node)),
  )
  await load.nextAcknowledgements()
  const gapMs = Math.round(load.longestGapMs())
  say(`${fault} node ${node}: longest gap ${gapMs} ms\n${await topic.describe()}`)
  const restoredAtMs = performance.now()
  await topic.node(node, 'restore')
  await topic.until('a full ISR', isFull)
  await load.nextAcknowledgements()
  const recoveryMs = Math.round(performance.now() - restoredAtMs)
  say(
    `restore node ${node}: full after ${recoveryMs} ms, meanwhile longest gap ${Math.round(load.longestGapMs())} ms`,
  )
  say(await topic.describe())
  return { gapMs, recoveryMs }
}
