import type { Head } from '../core/head.ts'
import { trimTail } from '../core/head-commands.ts'
import { pageOfTail } from '../core/index-page.ts'
import { assert, KafkaError } from '../protocol/kafka-error.ts'
import { decodePage, encodePage } from '../store/items/page-item.ts'
import { pageKey } from '../store/keys.ts'
import type { Deps } from './deps.ts'
import { type Partition, partitionName, pkOf, topicGone, updateHead } from './heads.ts'
import { asKafkaError } from './rows.ts'

/**
 * Moves the tail's entries below the high watermark to an index page. A page is put only if absent, and only what the
 * stored page holds leaves the tail: two handlers at once, or one that slept, lose nothing.
 *
 * @throws KafkaError NOT_ENOUGH_REPLICAS when nothing is below the high watermark
 * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION when the topic was deleted meanwhile
 */
export async function pageTail(deps: Deps, partition: Partition, head: Head): Promise<Head> {
  const paged = pageOfTail(head)
  if (paged === undefined) {
    throw new KafkaError(
      'NOT_ENOUGH_REPLICAS',
      `too many batches wait for the high watermark partition=${partitionName(partition)}`,
    )
  }
  const key = pageKey(pkOf(partition), paged.start)
  const stored = await deps.documents.put(key, encodePage(paged.page), 'absent')
  assert(stored.item !== undefined, 'a page that could not be put is there')
  const inPage = Object.keys(decodePage(stored.item).entries)
  const verdict = await updateHead(deps, partition, trimTail(head, inPage))
  if (verdict.head === undefined) {
    // Who deleted the topic may have swept before the page was put.
    await deps.documents.delete(key, [])
    throw topicGone(partition)
  }
  return verdict.head
}

/**
 * Pages the tail each time it has grown by a page's worth. The append whose entry made it so is already committed, so
 * a failure here is only logged: a later append pages what this one could not.
 */
export async function pageTailWhenDue(deps: Deps, partition: Partition, head: Head): Promise<void> {
  if (Object.keys(head.tail).length % deps.limits.pageEntries !== 0) return
  if (pageOfTail(head) === undefined) return
  try {
    await pageTail(deps, partition, head)
  } catch (thrown) {
    const { message } = asKafkaError(deps, thrown)
    deps.log.warn('tail was not paged', { partition: partitionName(partition), error: message })
  }
}
