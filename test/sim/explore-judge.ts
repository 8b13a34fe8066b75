import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { nodeOf } from '../../shared/core/head.ts'
import { decodeBatch, splitBatches } from '../../shared/protocol/decode-batch.ts'
import { MAX_DECOMPRESSED_BYTES } from '../../shared/protocol/limits.ts'
import { fetch } from '../../shared/service/fetch.ts'
import { decodeHead } from '../../shared/store/items/head-item.ts'
import { decodeLoss } from '../../shared/store/items/loss-item.ts'
import { ALL_LOSSES, headKey, partitionPk } from '../../shared/store/keys.ts'
import type { Cluster } from './cluster.ts'
import type { Company, Sent, Stage, Topic } from './explore-actors.ts'
import { actQuietly } from './explore-stage.ts'
import type { World } from './explore-world.ts'
import { checkStored, watchInvariants } from './invariants.ts'

/** Rounds of the controller and of catch-up within which everything is well again, and the time between: longer than any hold-down. */
const HEALING_ROUNDS = 6
const ROUND_MS = 660_000

/** Checks design's invariants after each write from now on; the promise of all that are under way. */
export function watch(world: World, topic: Topic): () => Promise<void> {
  const cluster = clusterOf(world)
  const pk = partitionPk(topic.topicId, 0)
  let stored: Promise<void> | undefined
  watchInvariants(cluster, (broken) => world.problems.push(broken))
  world.onWrite = (key, before, after) => {
    cluster.onWrite(key, before, after)
    if (key.sk !== 'HEAD') return
    stored = checkStored(cluster, pk).then((broken) => {
      world.problems.push(...broken)
    })
  }
  return async () => {
    await stored
    stored = undefined
  }
}

/** What checks of a simulated cluster need of it. */
function clusterOf(world: World): Cluster {
  const { documents, nodes } = world.stores
  const configuration = { unclean: world.scenario.unclean }
  const cluster = { documents, nodes, configuration, exercised: {}, count: () => undefined }
  return { ...cluster, onWrite: () => undefined } as unknown as Cluster
}

/** Once everything came to rest: all is well again, nothing that was promised is missing, and the log goes on. */
export async function judge(
  world: World,
  company: Company,
  { topic, faults }: { readonly topic: Topic; readonly faults: number },
): Promise<void> {
  const { documents } = world.stores
  const pk = partitionPk(topic.topicId, 0)
  const headNow = async () => decodeHead((await documents.get(headKey(topic.topicId, 0), 'strong')) ?? {})
  const { wasTruncated } = world
  const isWhole = async () => {
    const { leader, isr, replicas, holeStart } = await headNow()
    return leader !== undefined && isr.length === replicas.length && Object.keys(holeStart).length === 0
  }
  if (world.faultsLeft === faults) {
    for (const broken of world.scenario.atRest?.(await headNow()) ?? []) world.problems.push(broken)
  }
  await actQuietly(world, company, { name: 'healing', act: (stage) => heal(stage, isWhole) })
  const { highWatermark, logEndOffset } = await headNow()
  if (highWatermark !== logEndOffset)
    world.problems.push(`high watermark ${highWatermark} of ${logEndOffset}`)
  await actQuietly(world, company, { name: 'more', act: (stage) => sendMore(stage, company.sent) })
  for (const broken of await checkStored(clusterOf(world), pk)) world.problems.push(broken)
  if (!(await isWhole())) world.problems.push(`not whole: ${facts(await headNow())}`)
  if (world.problems.length > 0) return
  const stored = await documents.list(pk, { ...ALL_LOSSES, limit: 100, direction: 'ascending' })
  const lostFrom = Math.min(...stored.map(({ item }) => decodeLoss(item).fromOffset))
  const log = await readLog(world, topic)
  // Of two tries of one record that are under way at once, one may have no effect and the other one have it.
  const mayBeThere = new Set(
    company.sent.filter(({ outcome }) => outcome !== 'fail').map(({ value }) => value),
  )
  for (const sent of company.sent) {
    if (sent.outcome === 'fail' && mayBeThere.has(sent.value)) continue
    for (const broken of placesOf(sent, log, { wasTruncated, lostFrom })) world.problems.push(broken)
  }
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
  /** Readers were told that what lay from here on may be lost. */
  readonly lostFrom: number
}

function placesOf(sent: Sent, log: ReadonlyMap<number, string>, past: Past): readonly string[] {
  const { value, outcome, acks, offset, errorName } = sent
  const places = [...log].flatMap(([at, other]) => (other === value ? [at] : []))
  if (places.length > 1) return [`${value} is there twice: at ${places}`]
  if (value.startsWith('more') && outcome !== 'ok') return [`${value} was not acknowledged: ${errorName}`]
  if (outcome === 'fail' && places.length > 0)
    return [`${value} had no effect, it was said (${errorName}), and is at ${places}`]
  if (outcome !== 'ok' || (acks === 1 && past.wasTruncated) || offset >= past.lostFrom) return []
  if (offset >= 0 && places[0] !== offset)
    return [`${value} was acknowledged at ${offset}, and is at ${places}`]
  return places.length === 0 ? [`${value} was acknowledged, and is lost`] : []
}

async function readLog(world: World, topic: Topic): Promise<ReadonlyMap<number, string>> {
  const found = new Map<number, string>()
  const { deps } = world.newProcess('reader')
  for (let fetchOffset = 0; ; ) {
    const partition = {
      partitionIndex: 0,
      fetchOffset,
      partitionMaxBytes: 1_000_000,
      currentLeaderEpoch: -1,
      lastFetchedEpoch: -1,
    }
    const topics = [{ name: topic.name, partitions: [partition] }]
    const fetching = fetch(deps, {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 1_000_000,
      isolationLevel: 0,
      topics,
    })
    await world.options()
    const row = (await fetching).topics[0]?.partitions[0]
    if (row === undefined || 'errorName' in row) {
      world.problems.push(`reading failed at ${fetchOffset}: ${row?.errorName} ${row?.errorMessage}`)
      return found
    }
    for (const { bytes } of row.batches.flatMap(splitBatches)) {
      const records = decodeBatch(bytes, nodeCodecs, { maxDecompressedBytes: MAX_DECOMPRESSED_BYTES })
      for (const { offset, value } of records)
        found.set(offset, new TextDecoder().decode(value ?? new Uint8Array()))
    }
    if (row.nextOffset >= row.highWatermark || row.nextOffset === fetchOffset) return found
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
