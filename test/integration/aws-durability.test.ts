import { createHash } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Emulators, startEmulators } from '../../local/emulators.ts'
import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { encodeBatch } from '../../shared/protocol/encode-batch.ts'
import { walObjectsOf } from '../support/bucket-objects.ts'
import { killLoop } from '../support/kill-loop.ts'
import type { Life } from '../support/kill-producer.ts'
import { batchesWithoutCopies } from '../support/node-copies.ts'
import { createTopic, produceBody, produceOnce, readLog } from '../support/raw-client.ts'
import { linesOf, realText } from '../support/real-text.ts'
import { canRun } from '../support/requires.ts'
import { type RestartableService, restartableService } from '../support/restartable-service.ts'
import { seededRandom } from '../support/seeded-random.ts'

const MIN_LINES = 100_000
const BATCH_LINES = 250
/** Kills while the text is sent, after so many more acknowledged batches each. */
const KILLS = 3
const BATCHES_BETWEEN = 80
/** How far a kill may fall behind the acknowledgement that it waits for: about as long as an append takes. */
const MAX_DELAY_MS = 20
/** Of the loop with eight producers. */
const LOOP_KILLS = 3
/** How often one batch is sent, to the next life of the service if this one broke off. */
const MAX_TRIES = 20

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const newSeed = () => crypto.getRandomValues(new Uint16Array(1))[0] ?? 0

if (canRun('durability over the AWS adapters', ['java', 'python3'])) {
  let emulators: Emulators

  beforeAll(async () => {
    emulators = await startEmulators({ nodes: 3 })
  })
  afterAll(() => emulators?.stop())

  describe('a service over DynamoDB and S3 that is killed', () => {
    test('while an idempotent producer sends a text has every line once, in order, byte for byte, and on three nodes', async () => {
      const seed = newSeed()
      const text = await realText()
      const lines = linesOf(text)
      expect(lines.length).toBeGreaterThanOrEqual(MIN_LINES)
      const service = restartableService({ environment: emulators.environment })
      try {
        await createTopic(await service.start(), 'text')
        const kills = killWhileSending(service, seed)
        const offsets = await Promise.race([sendAll(service, 'text', lines), kills.then(forever)])
        await kills
        expect(offsets, `seed=${seed}`).toEqual(offsets.map((_, batch) => batch * BATCH_LINES))
        // What another process reads: nothing of it is remembered.
        await service.kill()
        const log = await readLog(await service.start(), 'text')
        const received = log.flatMap(({ records }) =>
          records.flatMap(({ value }) => [value ?? new Uint8Array(0), NEWLINE]),
        )
        expect(sha256(Buffer.concat(received)), `seed=${seed}`).toBe(sha256(text))
        expect(batchesWithoutCopies(await walObjectsOf(emulators), log), `seed=${seed}`).toEqual([])
      } finally {
        await service.close()
      }
    })

    test.each([
      {
        name: 'under eight producers has what it acknowledged, and twice only what it left unanswered',
        isIdempotent: false,
      },
      {
        name: 'under eight idempotent producers has every batch exactly once',
        isIdempotent: true,
      },
    ])('$name', async ({ isIdempotent }) => {
      const seed = newSeed()
      const aws = { environment: emulators.environment, walObjects: () => walObjectsOf(emulators) }
      const { problems, ...report } = await killLoop({ kills: LOOP_KILLS, seed, isIdempotent, aws })
      console.log(JSON.stringify({ seed, isIdempotent, ...report }))
      expect(problems, `seed=${seed}`).toEqual([])
      expect(report.servingKills + report.startingKills).toBe(LOOP_KILLS)
      if (isIdempotent) expect(report.extraCopies).toBe(0)
      else expect(report.extraCopies).toBeLessThanOrEqual(report.unknownEffects)
    })
  })
}

const NEWLINE = Buffer.from('\n')

/** Each kill comes a random moment after an acknowledgement, that is, while the next batch is on its way. */
async function killWhileSending(service: RestartableService, seed: number): Promise<void> {
  const random = seededRandom(seed)
  for (let kill = 0; kill < KILLS; kill += 1) {
    await service.acknowledgements(BATCHES_BETWEEN + random.integer(0, BATCHES_BETWEEN / 2))
    await wait(random.integer(0, MAX_DELAY_MS)) // not for anything: the kill comes at a random moment
    await service.kill()
    await service.start()
  }
}

/** A promise that lets the other of a race decide. */
function forever(): Promise<never> {
  return new Promise(() => {})
}

/** Sends one batch after the other, each until it is acknowledged; answers where they are. */
async function sendAll(
  service: RestartableService,
  topic: string,
  lines: readonly Buffer[],
): Promise<number[]> {
  const offsets: number[] = []
  let life = await service.next(undefined)
  for (let baseSequence = 0; baseSequence < lines.length; baseSequence += BATCH_LINES) {
    const batch = encoded(lines.slice(baseSequence, baseSequence + BATCH_LINES), baseSequence)
    const sent = await untilAcknowledged(service, life, produceBody(topic, batch))
    life = sent.life
    offsets.push(sent.baseOffset)
    service.acknowledged()
  }
  return offsets
}

async function untilAcknowledged(service: RestartableService, from: Life, body: Buffer<ArrayBuffer>) {
  let life = from
  for (let tries = 1; ; tries += 1) {
    const outcome = await produceOnce(life.endpoint, body)
    if (outcome.kind === 'acknowledged') return { life, baseOffset: outcome.baseOffset }
    if (tries === MAX_TRIES) throw new Error(`batch is not acknowledged error=${outcome.errorName}`)
    const isRefused = outcome.kind === 'refused' && outcome.errorName !== 'ECONNREFUSED'
    if (!isRefused) life = await service.next(life)
  }
}

function encoded(batch: readonly Buffer[], baseSequence: number): Uint8Array {
  const timestamp = Date.now()
  const records = batch.map((value) => ({ key: null, value, headers: [], timestamp }))
  const producer = { producerId: 7, producerEpoch: 0, baseSequence }
  return encodeBatch({ records, compression: 'none', codecs: nodeCodecs, producer })
}
