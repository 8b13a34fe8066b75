import type { Head } from '../core/head.ts'
import { nodeOf } from '../core/head.ts'
import { pageOfTail } from '../core/index-page.ts'
import { logEndOf } from '../core/replica.ts'
import type { Deps } from './deps.ts'
import { fillHoles } from './fill-holes.ts'
import type { Partition } from './heads.ts'
import { pageTail } from './page-tail.ts'
import { reportFailure } from './report-node.ts'
import { shrinkIsr } from './shrink-isr.ts'

/**
 * Makes room in a full tail. Where what in-sync replicas lack holds the high watermark, and so nearly all of the tail,
 * they leave the ISR first, or are given it if there are too few others.
 *
 * @throws KafkaError NOT_ENOUGH_REPLICAS when nothing is below the high watermark
 * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION when the topic was deleted meanwhile
 */
export async function makeRoom(deps: Deps, partition: Partition, full: Head): Promise<Head> {
  const head = holdsBack(deps, full) ? await raiseHighWatermark(deps, partition, full) : full
  if (Object.keys(head.tail).length < deps.limits.maxTailEntries) return head
  return pageTail(deps, partition, head)
}

/** Whether less than a page can leave the tail, because in-sync replicas lack something. */
function holdsBack({ limits }: Deps, head: Head): boolean {
  const paged = Object.keys(pageOfTail(head)?.page.entries ?? {}).length
  return paged < limits.pageEntries && head.isr.length >= head.minIsr && behind(head).length > 0
}

async function raiseHighWatermark(deps: Deps, partition: Partition, full: Head): Promise<Head> {
  const leaving = behind(full).slice(0, full.isr.length - full.minIsr)
  const head = leaving.length === 0 ? full : await shrinkIsr(deps, partition, full, leaving)
  const left = behind(head)
  if (left.length === 0 || head.isr.length < head.minIsr) return head
  await Promise.all(
    left.map((replica) => reportFailure(deps, nodeOf(replica), 'it holds the high watermark back')),
  )
  const { gapCopyMs, gapCopyObjects } = deps.limits
  return fillHoles(deps, partition, head, { maxObjects: gapCopyObjects, maxMs: gapCopyMs })
}

/** In-sync replicas that lack something, who lacks most first. */
function behind(head: Head): readonly string[] {
  const lacking = head.isr.filter((replica) => head.holeStart[replica] !== undefined)
  return lacking.toSorted((a, b) => logEndOf(head, a) - logEndOf(head, b))
}
