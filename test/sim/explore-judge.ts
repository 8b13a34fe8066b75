import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { nodeOf } from '../../shared/core/head.ts'
import { decodeBatch, splitBatches } from '../../shared/protocol/decode-batch.ts'
import { MAX_DECOMPRESSED_BYTES } from '../../shared/protocol/limits.ts'
import { fetch } from '../../shared/service/fetch.ts'
import { decodeHead } from '../../shared/store/items/head-item.ts'
import { decodeLoss } from '../../shared/store/items/loss-item.ts'
import { ALL_LOSSES, headKey, partitionPk } from '../../shared/store/keys.ts'
import type { Sent, Stage, Topic } from './explore-actors.ts'
import { actQuietly, type Quiet } from './explore-quiet.ts'
import type { Prepared } from './explore-stage.ts'
import type { State } from './explore-world.ts'

/** Rounds of the controller and of catch-up within which everything is well again, and the time between: longer than any hold-down. */
const HEALING_ROUNDS = 6
const ROUND_MS = 660_000

/** Once everything came to rest: all is well again, nothing that was promised is missing, and the log goes on. */
export async function judge(prepared: Prepared, state: State, faults: number): Promise<readonly string[]> {
  const { scenario, setting, watch, start } = prepared
  const { stores, topic } = setting
  const { documents } = stores
  const pk = partitionPk(topic.topicId, 0)
  const headNow = async () => decodeHead((await documents.get(headKey(topic.topicId, 0), 'strong')) ?? {})
  const isWhole = async () => {
    const { leader, isr, replicas, holeStart } = await headNow()
    return leader !== undefined && isr.length === replicas.length && Object.keys(holeStart).length === 0
  }
  stores.contents = state.contents
  const problems = state.faultsLeft === faults ? [...(scenario.atRest?.(await headNow()) ?? [])] : []
  const atRest: Quiet = {
    contents: state.contents,
    nowMs: state.nowMs,
    sent: [...start.sent, ...state.locals.flatMap(({ sent }) => sent)],
    problems: [],
  }
  const healed = await actQuietly(atRest, { name: 'healing', act: (stage) => heal(stage, isWhole) }, setting)
  const { highWatermark, logEndOffset } = await headNow()
  if (highWatermark !== logEndOffset) problems.push(`high watermark ${highWatermark} of ${logEndOffset}`)
  const more = { name: 'more', act: (stage: Stage) => sendMore(stage, healed.sent) }
  const ended = await actQuietly(healed, more, setting)
  problems.push(...ended.problems, ...(await watch.broken(ended.contents)))
  watch.tookFromLog()
  if (!(await isWhole())) problems.push(`not whole: ${facts(await headNow())}`)
  if (problems.length > 0) return problems
  const stored = await documents.list(pk, { ...ALL_LOSSES, limit: 100, direction: 'ascending' })
  const losses = stored.map(({ item }) => decodeLoss(item))
  // Without a copy elsewhere, what its leader alone acknowledged goes with it.
  const isLost = ({ acks, offset }: Sent) =>
    losses.some(({ fromOffset, committedTo }) => offset >= fromOffset && (acks === 1 || offset < committedTo))
  const log = new Map<number, string>()
  const reader = { name: 'reader', act: (stage: Stage) => readLog(stage, topic, log) }
  const read = await actQuietly(ended, reader, setting)
  // Of two tries of one record that are under way at once, one may have no effect and the other one have it.
  const mayBeThere = new Set(ended.sent.filter(({ outcome }) => outcome !== 'fail').map(({ value }) => value))
  const past = { wasTruncated: state.wasTruncated, isLost }
  const places = ended.sent
    .filter(({ outcome, value }) => outcome !== 'fail' || !mayBeThere.has(value))
    .flatMap((sent) => placesOf(sent, log, past))
  return [...read.problems, ...places]
}

async function heal(stage: Stage, isWhole: () => Promise<boolean>): Promise<void> {
  for (let rounds = 0; rounds < HEALING_ROUNDS; rounds += 1) {
    await stage.pass(ROUND_MS)
    await stage.controller()
    await stage.catchUp()
    if (await isWhole()) return
  }
}

/** The log goes on: for anybody, and for every producer whose last record was acknowledged to acks=all. */
async function sendMore(stage: Stage, before: readonly Sent[]): Promise<void> {
  const last = new Map(before.flatMap((sent) => (sent.producer ? [[sent.producer.producerId, sent]] : [])))
  const more = [...last.values()].filter(({ outcome, acks }) => outcome === 'ok' && acks === -1)
  const producers = more.flatMap(({ producer }) =>
    producer === undefined ? [] : [{ ...producer, baseSequence: producer.baseSequence + 1 }],
  )
  await stage.send({ value: 'more', acks: -1, tries: 3 })
  for (const producer of producers) {
    await stage.send({ value: `more of ${producer.producerId}`, acks: -1, producer, tries: 3 })
  }
}

interface Past {
  readonly wasTruncated: boolean
  /** Whether it is recorded that a record may be lost, which was promised no more than that. */
  readonly isLost: (sent: Sent) => boolean
}

function placesOf(sent: Sent, log: ReadonlyMap<number, string>, past: Past): readonly string[] {
  const { value, outcome, acks, offset, errorName } = sent
  const places = [...log].flatMap(([at, other]) => (other === value ? [at] : []))
  const where = places.length > 0 ? `at ${places}` : 'nowhere'
  if (places.length > 1) return [`${value} is there twice: at ${places}`]
  if (value.startsWith('more') && outcome !== 'ok') return [`${value} was not acknowledged: ${errorName}`]
  if (outcome === 'fail' && places.length > 0)
    return [`${value} had no effect, it was said (${errorName}), and is ${where}`]
  if (outcome !== 'ok' || (acks === 1 && past.wasTruncated) || past.isLost(sent)) return []
  if (offset >= 0 && places[0] !== offset) return [`${value} was acknowledged at ${offset}, and is ${where}`]
  return places.length === 0 ? [`${value} was acknowledged, and is lost`] : []
}

async function readLog(stage: Stage, topic: Topic, found: Map<number, string>): Promise<void> {
  for (let fetchOffset = 0; ; ) {
    const partition = {
      partitionIndex: 0,
      fetchOffset,
      partitionMaxBytes: 1_000_000,
      currentLeaderEpoch: -1,
      lastFetchedEpoch: -1,
    }
    const topics = [{ name: topic.name, partitions: [partition] }]
    const sizes = { maxWaitMs: 0, minBytes: 1, maxBytes: 1_000_000 }
    const answer = await stage.ask((deps) => fetch(deps, { ...sizes, isolationLevel: 0, topics }))
    const row = answer?.topics[0]?.partitions[0]
    if (row === undefined || 'errorName' in row)
      throw new Error(`reading failed at ${fetchOffset}: ${row?.errorName} ${row?.errorMessage}`)
    for (const { bytes } of row.batches.flatMap(splitBatches)) {
      const records = decodeBatch(bytes, nodeCodecs, { maxDecompressedBytes: MAX_DECOMPRESSED_BYTES })
      for (const { offset, value } of records)
        found.set(offset, new TextDecoder().decode(value ?? new Uint8Array()))
    }
    if (row.nextOffset >= row.highWatermark || row.nextOffset === fetchOffset) return
    fetchOffset = row.nextOffset
  }
}

function facts({
  leader,
  isr,
  joining,
  replicas,
  holeStart,
  holeEnd,
}: ReturnType<typeof decodeHead>): string {
  const nodes = isr.map(nodeOf)
  return JSON.stringify({ leader, isr, joining, replicas, holeStart, holeEnd, nodes })
}
