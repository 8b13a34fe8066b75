import * as z from 'zod'
import type { Item } from '../../core/update-plan.ts'
import { checkTopicConfigs } from '../../protocol/topic-configs.ts'

const topicItem = z.object({
  topicId: z.string(),
  partitionCount: z.int(),
  replicationFactor: z.int(),
  startIndex: z.int(),
  configs: z.record(z.string(), z.string()),
})
const versioned = topicItem.extend({ ver: z.int() })

/** What a topic is, beside its partitions' heads. The document under its name is what makes it exist. */
export type Topic = z.infer<typeof topicItem> & { readonly name: string }

/** The item of a topic; its name is its key. */
export function encodeTopic(topic: Topic): Item {
  const { topicId, partitionCount, replicationFactor, startIndex, configs } = topic
  return { topicId, partitionCount, replicationFactor, startIndex, configs }
}

/** The topic of an item read back from under `name`, and the version it was read at. */
export function decodeTopic(name: string, stored: Item): Topic & { readonly version: number } {
  const { ver: version, ...topic } = versioned.parse(stored)
  const given = Object.entries(topic.configs).map(([config, value]) => ({ name: config, value }))
  return { ...topic, name, configs: checkTopicConfigs(given), version }
}

/** Whether the item is that of a topic whose heads are still to be removed. Nobody but who removes them may know the topic. */
export function isBeingDeleted(stored: Item): boolean {
  return stored.deletedAtMs !== undefined
}
