import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { checkLog, type LogCheck } from './check-log.ts'
import { runProducer, type SentBatch } from './kill-producer.ts'
import { batchesWithoutCopies, walFilesOf } from './node-copies.ts'
import { createTopic, readLog } from './raw-client.ts'
import { linesOf, realText } from './real-text.ts'
import { type RestartableService, restartableService } from './restartable-service.ts'
import { seededRandom } from './seeded-random.ts'

/** A run of the loop: `seed` decides when the kills come and what is sent. */
export interface KillLoopOptions {
  readonly kills: number
  readonly seed: number
  readonly isIdempotent: boolean
  /** A store on emulators of AWS, and the WAL objects of each of its nodes; without it the store is a new folder. */
  readonly aws?: {
    readonly environment: Readonly<Record<string, string>>
    readonly walObjects: () => Promise<Buffer[][]>
  }
}

/** What a run came to. */
export interface KillLoopReport extends LogCheck {
  /** Kills of a service that took requests, and of one that was still starting. */
  readonly servingKills: number
  readonly startingKills: number
  readonly sentBatches: number
  /** Requests whose effect stayed unknown; of these, the ones whose answer the producer did not wait for. */
  readonly unknownEffects: number
  readonly abandoned: number
  /** Batches of which the service said at last that they had been there before, without their offset. */
  readonly knownBefore: number
  /** Refused requests by Kafka's name for why; each was sent again. */
  readonly refusals: Readonly<Record<string, number>>
  readonly longestStartMs: number
}

const CONNECTIONS = 8
/** Acknowledgements between a start and the next kill, at most, and how far behind the last of them it may fall. */
const MAX_ACKNOWLEDGEMENTS = 40
const MAX_DELAY_MS = 6
/** One kill in so many comes before the service listens. */
const STARTING_ONE_IN = 5

/**
 * Kills the service over and over while eight connections produce to it with acks=all, starts it again on the same
 * store each time, and compares everything that was acknowledged with the log in the end.
 *
 * Rejects when the service does not start again, dies unasked, or acknowledges nothing any more.
 */
export async function killLoop(options: KillLoopOptions): Promise<KillLoopReport> {
  const { aws } = options
  const topic = options.isIdempotent ? 'killed-idempotent' : 'killed-plain'
  const folder = await mkdtemp(join(tmpdir(), 'stratolog-kill-'))
  const service = restartableService(aws ?? folder)
  let kills: ReturnType<typeof killAll> | undefined
  try {
    await createTopic(await service.start(), topic)
    const producing = startProducers({ ...options, topic }, service, linesOf(await realText()))
    kills = killAll(options, service)
    await Promise.race([kills, producing.then(endedEarly)])
    await service.start()
    service.end()
    const sent = (await service.orStalled(producing, 'producers do not end')).flat()
    await service.kill()
    const log = await readLog(await service.start(), topic)
    const check = checkLog(sent, log, options)
    const nodes = await (aws === undefined ? walFilesOf(folder) : aws.walObjects())
    const uncopied = batchesWithoutCopies(nodes, log)
    return {
      ...check,
      ...(await kills),
      problems: [...check.problems, ...uncopied],
      sentBatches: sent.length,
      unknownEffects: sent.reduce((sum, { unknown }) => sum + unknown, 0),
      abandoned: sent.reduce((sum, { abandoned }) => sum + abandoned, 0),
      knownBefore: sent.filter(({ baseOffset }) => baseOffset === 'known before').length,
      refusals: service.refusals,
      longestStartMs: service.longestStartMs(),
    }
  } finally {
    await service.close()
    await Promise.allSettled([kills])
    await rm(folder, { recursive: true, force: true })
  }
}

function startProducers(
  { seed, isIdempotent, topic }: KillLoopOptions & { readonly topic: string },
  service: RestartableService,
  lines: readonly Buffer[],
): Promise<SentBatch[][]> {
  const producers = Array.from({ length: CONNECTIONS }, (_, producer) => {
    const random = seededRandom(seed * CONNECTIONS + producer)
    return runProducer({ producer, topic, lines, random, isIdempotent }, service)
  })
  return Promise.all(producers)
}

/** All the kills, each of a service that was started after the one before. */
async function killAll({ kills, seed }: KillLoopOptions, service: RestartableService) {
  const random = seededRandom(seed)
  let startingKills = 0
  for (let kill = 0; kill < kills; kill += 1) {
    if (kill > 0 && random.integer(1, STARTING_ONE_IN) === 1) {
      startingKills += 1
      await service.startAndKill(random.integer(0, 100) / 100)
    } else {
      await service.start()
      await service.acknowledgements(random.integer(0, MAX_ACKNOWLEDGEMENTS))
      await wait(random.integer(0, MAX_DELAY_MS)) // not for anything: the kill comes at a random moment
      await service.kill()
    }
  }
  return { servingKills: kills - startingKills, startingKills }
}

function endedEarly(): never {
  throw new Error('producers ended before the last kill')
}

/** `node test/support/kill-loop.ts --kills 50 --seed 7`: both kinds of producers, a table, status 1 if a promise broke. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { kills: { type: 'string', default: '50' }, seed: { type: 'string', default: '1' } },
  })
  const run = { kills: Number(values.kills), seed: Number(values.seed) }
  for (const isIdempotent of [false, true]) {
    const from = performance.now()
    const { problems, ...report } = await killLoop({ ...run, isIdempotent })
    const seconds = Math.round((performance.now() - from) / 1000)
    const facts = {
      seed: run.seed,
      isIdempotent,
      seconds,
      ...report,
      refusals: JSON.stringify(report.refusals),
    }
    console.table({ ...facts, problems: problems.length })
    for (const problem of problems) console.error(problem)
    if (problems.length > 0) process.exitCode = 1
  }
}

if (import.meta.main) await main()
