import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { encodeBatch } from '../../shared/protocol/encode-batch.ts'
import { type DevProcess, startDev } from '../support/dev-process.ts'
import { killLoop } from '../support/kill-loop.ts'
import { createTopic, produceBody, produceOnce, readLog } from '../support/raw-client.ts'
import { linesOf, realText } from '../support/real-text.ts'
import { runCli } from '../support/run-cli.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { walFolders } from '../support/wal-folders.ts'

const MIN_LINES = 100_000
const MIN_BATCHES = 1000
const CONNECTIONS = 8
const KILLS = 20
/** Batches over 64 KiB, which are written off the event loop. */
const LARGE_ONE_IN = 20
const LARGE_LINES = 2500

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const newSeed = () => crypto.getRandomValues(new Uint16Array(1))[0] ?? 0

let folder: string
let text: Buffer

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stratolog-durability-'))
  text = await realText()
})

afterAll(() => rm(folder, { recursive: true, force: true }))

test('the text that is sent has many lines, among them long and empty ones, and more than ASCII', () => {
  const lines = linesOf(text)
  expect(lines.length).toBeGreaterThanOrEqual(MIN_LINES)
  expect(lines.some((line) => line.length === 0)).toBe(true)
  expect(lines.some((line) => line.length > 1000)).toBe(true)
  expect(lines.some((line) => line.some((byte) => byte > 127))).toBe(true)
})

describe('a text that stratolog produce sends with acks=all', () => {
  const topic = 'text'
  let data: string
  let dev: DevProcess

  beforeAll(async () => {
    data = join(folder, 'text-data')
    await writeFile(join(folder, 'sent.txt'), text)
    dev = await startDev({ dataDirectory: data })
    const endpoint = ['--endpoint', dev.endpoint]
    await runCli([...endpoint, 'topic', 'create', topic, '--partitions', '1', '--replication-factor', '3'])
    await runCli([...endpoint, 'produce', topic, '--batch-size', '4096', '--acks', 'all'], {
      stdin: join(folder, 'sent.txt'),
    })
  })

  afterAll(() => dev?.kill())

  test('comes back byte for byte from stratolog consume -e', async () => {
    const received = join(folder, 'received.txt')
    await runCli(['--endpoint', dev.endpoint, 'consume', topic, '-e'], { stdout: received })
    expect(sha256(await readFile(received))).toBe(sha256(text))
  })

  test('stands in many batches, each in an object that three node folders hold as files of their own', async () => {
    const log = await readLog(dev.endpoint, topic)
    expect(log.length).toBeGreaterThanOrEqual(MIN_BATCHES)
    const nodes = await walFolders(data)
    expect(nodes).toHaveLength(3)
    const [first = new Map()] = nodes
    expect(first.size).toBe(log.length)
    for (const node of nodes) expect([...node.keys()].sort()).toEqual([...first.keys()].sort())
    for (const key of first.keys()) {
      const copies = nodes.flatMap((node) => node.get(key) ?? [])
      expect(new Set(copies.map(({ inode }) => inode)).size, key).toBe(3)
      expect(new Set(copies.map(({ links }) => links)), key).toEqual(new Set([1]))
      const [one, ...others] = await Promise.all(copies.map(({ path }) => readFile(path)))
      for (const other of others) expect(one?.equals(other), key).toBe(true)
    }
  })
})

describe('a text that eight connections send at once', () => {
  let dev: DevProcess

  beforeAll(async () => {
    dev = await startDev({ dataDirectory: join(folder, 'connections-data') })
  })

  afterAll(() => dev?.kill())

  test('has each line at the offset that was acknowledged for it, and no other', async () => {
    const topic = 'connections'
    await createTopic(dev.endpoint, topic)
    const lines = linesOf(text)
    const acknowledged = await produceAtOnce(dev.endpoint, topic, batchesOf(lines))
    const log = await readLog(dev.endpoint, topic)
    const stored = log.flatMap(({ records }) => records)
    expect(stored.map(({ offset }) => offset)).toEqual(lines.map((_, offset) => offset))
    const misplaced = acknowledged.flatMap(({ baseOffset, batch }) =>
      batch.filter((line, index) => !line.equals(stored[baseOffset + index]?.value ?? Buffer.alloc(0))),
    )
    expect(misplaced).toEqual([])
    const covered = acknowledged.flatMap(({ baseOffset, batch }) =>
      batch.map((_, index) => baseOffset + index),
    )
    expect(new Set(covered).size).toBe(lines.length)
    expect(sorted(stored.map(({ value }) => Buffer.from(value ?? [])))).toBe(sorted(lines))
  })
})

describe(`a service that is killed ${KILLS} times while eight connections produce to it`, () => {
  test.each([
    { name: 'has what it acknowledged, and twice only what it left unanswered', isIdempotent: false },
    { name: 'has every batch of idempotent producers exactly once', isIdempotent: true },
  ])('$name', async ({ isIdempotent }) => {
    const seed = newSeed()
    const { problems, ...report } = await killLoop({ kills: KILLS, seed, isIdempotent })
    console.log(JSON.stringify({ seed, isIdempotent, ...report }))
    expect(problems, `seed=${seed}`).toEqual([])
    expect(report.servingKills + report.startingKills).toBe(KILLS)
    expect(report.sentBatches).toBeGreaterThan(KILLS)
    if (isIdempotent) expect(report.extraCopies).toBe(0)
    else expect(report.extraCopies).toBeLessThanOrEqual(report.unknownEffects)
  })
})

/** The lines in batches of several, some of them so large that requests overtake each other in the service. */
function batchesOf(lines: readonly Buffer[]): Buffer[][] {
  const random = seededRandom(lines.length)
  const batches: Buffer[][] = []
  for (let start = 0; start < lines.length; ) {
    const end = start + (random.integer(1, LARGE_ONE_IN) === 1 ? LARGE_LINES : random.integer(1, 100))
    batches.push(lines.slice(start, end))
    start = end
  }
  return batches
}

/** Sends every batch once; what is refused, and so not in the log, is sent again. */
async function produceAtOnce(endpoint: string, topic: string, batches: readonly (readonly Buffer[])[]) {
  const acknowledged: { readonly baseOffset: number; readonly batch: readonly Buffer[] }[] = []
  const queue = [...batches]
  const connection = async () => {
    for (let batch = queue.shift(); batch !== undefined; batch = queue.shift()) {
      const outcome = await produceOnce(endpoint, produceBody(topic, encoded(batch)))
      if (outcome.kind === 'acknowledged') acknowledged.push({ baseOffset: outcome.baseOffset, batch })
      else if (outcome.kind === 'refused') queue.push(batch)
      else throw new Error(`effect unknown error=${outcome.errorName}`)
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, connection))
  return acknowledged
}

function encoded(batch: readonly Buffer[]): Uint8Array {
  const timestamp = Date.now()
  const records = batch.map((value) => ({ key: null, value, headers: [], timestamp }))
  return encodeBatch({ records, compression: 'none', codecs: nodeCodecs })
}

function sorted(lines: readonly Buffer[]): string {
  return sha256(Buffer.concat([...lines].sort(Buffer.compare).flatMap((line) => [line, Buffer.from('\n')])))
}
