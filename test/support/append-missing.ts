import { nodeOf, writeTargets } from '../../shared/core/head.ts'
import { append } from '../../shared/core/head-commands.ts'
import { ulidBytes } from '../../shared/core/ulid.ts'
import { layOutWalObject } from '../../shared/core/wal-object.ts'
import { placeBatch } from '../../shared/protocol/batch-header.ts'
import { newCaches } from '../../shared/service/caches.ts'
import { type Partition, readHead, updateHead } from '../../shared/service/heads.ts'
import { batchOf } from './log-requests.ts'
import type { TestDeps } from './test-deps.ts'

/** Appends a batch of one record that `missed` do not have, as acks=1 does when they are slow. */
export async function appendMissing(
  { documents, ...rest }: TestDeps,
  partition: Partition,
  { value, missed }: { value: string; missed: readonly string[] },
): Promise<void> {
  // Nothing is remembered of it, and no fault befalls it: it may itself be run by one.
  const deps = { ...rest, documents: documents.store, caches: newCaches() }
  const head = await readHead(deps, partition)
  if (head === undefined) throw new Error('there is no such partition')
  const { topic, partitionIndex } = partition
  const nowMs = deps.clock.nowMs()
  const bytes = batchOf(1, { value })
  const objectId = ulidBytes(nowMs, deps.randomBytes(10))
  const object = layOutWalObject(objectId, [{ topicId: topic.topicId, partitionIndex, bytes }])
  for (const replica of writeTargets(head)) {
    if (missed.includes(replica)) continue
    const store = deps.nodes.get(nodeOf(replica))?.store
    await store?.put(object.key, object.chunks, new AbortController().signal)
  }
  const { leaderEpoch } = head
  const plan = append({
    head,
    missed,
    nowMs,
    reference: {
      objectId,
      position: 0,
      length: placeBatch(bytes, { baseOffset: 0, leaderEpoch }).length,
      recordCount: 1,
      leaderEpoch,
      maxTimestamp: 1000,
      sequence: undefined,
    },
    dueAtMs: nowMs + 3_600_000,
    maxTailEntries: deps.limits.maxTailEntries,
    maxHeadProducers: deps.limits.maxHeadProducers,
  })
  const verdict = await updateHead(deps, partition, plan)
  if (!verdict.applied) throw new Error('the append was refused')
}
