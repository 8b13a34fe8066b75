import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startEmulators } from '../../local/emulators.ts'
import { type DevOptions, startDev } from './dev-process.ts'
import { isFull, type ReplicatedTopic, replicatedTopic } from './replicated-topic.ts'
import { brokenPromises, type Load, startLoad } from './replication-load.ts'

/** What befalls a storage node, and then ends. */
export type Fault = 'fail' | 'hang' | 'wipe'

/** What a run came to. */
export interface ReplicationReport {
  readonly problems: readonly string[]
  readonly batches: number
  readonly acknowledged: number
  readonly errors: Readonly<Record<string, number>>
  /** The longest time that a partition acknowledged nothing, by fault, in ms. */
  readonly longestGapMs: Readonly<Record<Fault, number>>
  /** The longest time from the end of a fault to a full ISR, in ms. */
  readonly longestRecoveryMs: number
}

export interface ReplicationRun {
  readonly dataDirectory: DevOptions['dataDirectory']
  readonly nodes: readonly number[]
  readonly say: (line: string) => void
}

const FAULTS: readonly Fault[] = ['fail', 'hang', 'wipe']
const PARTITIONS = 3

/**
 * Producers and consumers run against a real service while each node in turn fails, hangs and loses its data, and comes
 * back. In the end everything that was acknowledged must be where it was acknowledged, and the ISR full.
 */
export async function replicationRun({
  dataDirectory,
  nodes,
  say,
}: ReplicationRun): Promise<ReplicationReport> {
  const dev = await startDev({ dataDirectory })
  let isDone = false
  try {
    const topic = await replicatedTopic(dev.endpoint, 'replicated', PARTITIONS)
    const load = startLoad(topic, PARTITIONS)
    await load.nextAcknowledgements()
    const longestGapMs = { fail: 0, hang: 0, wipe: 0 }
    let longestRecoveryMs = 0
    for (const node of nodes) {
      for (const fault of FAULTS) {
        const step = await oneFault(topic, load, { node, fault, say })
        longestGapMs[fault] = Math.max(longestGapMs[fault], step.gapMs)
        longestRecoveryMs = Math.max(longestRecoveryMs, step.recoveryMs)
      }
    }
    await load.stop()
    await topic.until('a full ISR', isFull)
    say(await topic.describe())
    const { sent, errors } = load
    const problems = [...load.problems, ...(await brokenPromises(topic, sent))]
    const acknowledged = sent.filter(({ baseOffset }) => baseOffset !== undefined).length
    isDone = problems.length === 0
    return { problems, batches: sent.length, acknowledged, errors, longestGapMs, longestRecoveryMs }
  } finally {
    await dev.kill()
    if (!isDone) say(await dev.exited)
  }
}

async function oneFault(
  topic: ReplicatedTopic,
  load: Load,
  { node, fault, say }: { node: number; fault: Fault; say: ReplicationRun['say'] },
): Promise<{ readonly gapMs: number; readonly recoveryMs: number }> {
  const incarnation = await incarnationOf(topic, node)
  load.longestGapMs()
  await topic.node(node, fault)
  await load.nextAcknowledgements()
  // A wipe shows when somebody looks, the others as soon as somebody writes.
  await topic.until('the fault is noticed', async (all) =>
    fault === 'wipe'
      ? (await incarnationOf(topic, node)) > incarnation
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

/** Which bucket the node has, counted. */
async function incarnationOf(topic: ReplicatedTopic, node: number): Promise<number> {
  const { nodes } = await topic.log.call('describe-cluster', {})
  return nodes.find(({ nodeId }) => nodeId === node)?.incarnation ?? 0
}

/** `node test/support/replication-run.ts [--aws]`: all nodes, every step, status 1 if a promise broke. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { aws: { type: 'boolean', default: false } } })
  const emulators = values.aws ? await startEmulators({ nodes: 3 }) : undefined
  const folder = await mkdtemp(join(tmpdir(), 'stratolog-replication-'))
  try {
    const dataDirectory = emulators === undefined ? folder : { environment: emulators.environment }
    const report = await replicationRun({ dataDirectory, nodes: [0, 1, 2], say: console.log })
    const { problems, errors, longestGapMs, ...facts } = report
    console.table({ ...facts, ...longestGapMs, errors: JSON.stringify(errors), problems: problems.length })
    for (const problem of problems) console.error(problem)
    if (problems.length > 0) process.exitCode = 1
  } finally {
    await emulators?.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

if (import.meta.main) await main()
