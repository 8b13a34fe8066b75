import type { ChildProcess } from 'node:child_process'
import { EventEmitter, on } from 'node:events'
import { type DevOptions, type DevProcess, startDev } from './dev-process.ts'
import { batchesWithoutCopies, walFilesOf } from './node-copies.ts'
import { readLog } from './raw-client.ts'
import type { ReplicatedTopic } from './replicated-topic.ts'

/** Where a run of faults takes place: a store of three nodes, on which no service runs yet. */
export interface Stage {
  readonly dataDirectory: DevOptions['dataDirectory']
  /** The WAL objects that each storage node has. */
  readonly walObjects: () => Promise<Buffer[][]>
  readonly say: (line: string) => void
  /** Told each process of the service at once. */
  readonly onSpawn?: (child: ChildProcess) => void
}

/** What a run came to: which promises broke, and what it is worth to know of it. */
export interface ReplicationReport {
  readonly problems: readonly string[]
  readonly facts: Readonly<Record<string, number | string>>
}

/** The service of a run, which the run may kill and start again. */
export interface StagedService {
  readonly endpoint: () => string
  /** kill -9, awaited. */
  kill(): Promise<void>
  restart(): Promise<void>
  /** Resolves as soon as this life logs the text; rejects when it does not. */
  whenSaid(text: string): Promise<void>
  /** Lines of its log so far with this text, over all its lives: those of the last one only once it is killed. */
  saidLines(text: string): readonly string[]
}

/** Longer than anything that is waited for here takes on a busy machine. */
const PATIENCE_MS = 60_000

/** The store of a data directory. */
export function stageIn(folder: string, say: Stage['say']): Stage {
  return { dataDirectory: folder, walObjects: () => walFilesOf(folder), say }
}

/** Runs the service for as long as `run` takes. What the service logged is said if `run` fails or finds a problem. */
export async function onStage(
  { dataDirectory, say, onSpawn }: Stage,
  run: (service: StagedService) => Promise<ReplicationReport>,
): Promise<ReplicationReport> {
  let spawned: ChildProcess | undefined
  const start = () =>
    startDev({
      dataDirectory,
      onSpawn: (child) => {
        spawned = child
        onSpawn?.(child)
      },
    })
  let dev: DevProcess = await start()
  let said = ''
  let isDead = false
  let isWell = false
  const kill = async () => {
    if (isDead) return
    isDead = true
    await dev.kill()
    said += await dev.exited
  }
  try {
    const report = await run({
      endpoint: () => dev.endpoint,
      kill,
      restart: async () => {
        dev = await start()
        isDead = false
      },
      whenSaid: (text) => whenSaid(spawned, text),
      saidLines: (text) => said.split('\n').filter((line) => line.includes(text)),
    })
    isWell = report.problems.length === 0
    return report
  } finally {
    await kill()
    if (!isWell) say(said)
  }
}

async function whenSaid(child: ChildProcess | undefined, text: string): Promise<void> {
  let said = ''
  const patience = { signal: AbortSignal.timeout(PATIENCE_MS) }
  for await (const [chunk] of on(child?.stderr ?? new EventEmitter(), 'data', patience)) {
    said += String(chunk)
    if (said.includes(text)) return
  }
}

/** Which batches of the topic are missing on which storage nodes, though the ISR is full and nothing is in flight. */
export async function missingCopies(stage: Stage, topic: ReplicatedTopic): Promise<string[]> {
  const nodes = await stage.walObjects()
  const missing: string[] = []
  for (const { partitionIndex } of await topic.partitions()) {
    const log = await readLog(topic.endpoint(), topic.name, partitionIndex)
    missing.push(...batchesWithoutCopies(nodes, log).map((fact) => `${fact} partition=${partitionIndex}`))
  }
  return missing
}
