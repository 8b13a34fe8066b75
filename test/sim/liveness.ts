import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { encodeBatch } from '../../shared/protocol/encode-batch.ts'
import { MAX_PRODUCE_TIMEOUT_MS } from '../../shared/protocol/limits.ts'
import { produce } from '../../shared/service/produce.ts'
import { type Company, NO_ANSWER, orThrown } from './company.ts'
import { headOf, type Topic } from './topics.ts'

/** Tries, so far apart, within which every process has forgotten how many partitions a topic had before. */
const MAX_TRIES = 40
const RETRY_MS = 1000

/**
 * What is wrong with a partition, in words, where all is well: it takes a batch of acks=all within a few tries, and then
 * readers may have the whole log.
 */
export async function takesBatch(
  company: Company,
  { name, topicId }: Topic,
  partitionIndex: number,
): Promise<readonly string[]> {
  const { scheduler, documents } = company.cluster
  const value = company.newValue()
  const operation = company.begin({
    process: company.newProcess(),
    f: 'send',
    key: `${topicId}/${partitionIndex}`,
    acks: -1,
    isIdempotent: false,
    values: [[null, value]],
  })
  const timestamp = scheduler.nowMs()
  const record = { key: null, value: new TextEncoder().encode(value), headers: [], timestamp }
  const batch = encodeBatch({ records: [record], compression: 'none', codecs: nodeCodecs })
  for (let tries = 1; ; tries += 1) {
    const row = await produceOnce(company, { name, partitionIndex, batch })
    if (row === NO_ANSWER) return [`${name}-${partitionIndex} gives no answer`]
    if (!('errorName' in row)) {
      operation.values = [[row.baseOffset, value]]
      company.end(operation, 'ok')
      break
    }
    // As a client does: caches are ten seconds old, and a catch-up that ends may be in the way of three tries.
    const mayRepeat = row.retriable && row.effect === 'none'
    if (!mayRepeat || tries === MAX_TRIES) {
      return [`${name}-${partitionIndex} takes no batch: ${row.errorName} ${row.errorMessage}`]
    }
    await company.pause(RETRY_MS)
  }
  const head = headOf(documents, topicId, partitionIndex)
  return head !== undefined && head.highWatermark === head.logEndOffset
    ? []
    : [`of ${name}-${partitionIndex} readers may have ${head?.highWatermark} of ${head?.logEndOffset}`]
}

async function produceOnce(
  company: Company,
  {
    name,
    partitionIndex,
    batch,
  }: { readonly name: string; readonly partitionIndex: number; readonly batch: Uint8Array },
) {
  const topics = [{ name, partitions: [{ partitionIndex, batch }] }]
  const request = { acks: -1, timeoutMs: MAX_PRODUCE_TIMEOUT_MS, transactionalId: null, topics } as const
  const answer = await orThrown(() => company.ask('last produce', (deps) => produce(deps, request)))
  if (answer === NO_ANSWER) return NO_ANSWER
  const row = 'thrown' in answer ? answer.thrown : answer.topics[0]?.partitions[0]
  if (row === undefined) throw new Error('answer without a row')
  return row
}
