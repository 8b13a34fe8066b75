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

/** What a topic is, beside its partitions' heads. The document under its name is what makes it exist. */
export type Topic = z.infer<typeof topicItem> & { readonly name: string }

/** The item of a topic; its name is its key. */
export function encodeTopic({ name: _, ...topic }: Topic): Item {
  return topic
}

/** The topic of an item read back from under `name`. */
export function decodeTopic(name: string, stored: Item): Topic {
  const topic = topicItem.parse(stored)
  const given = Object.entries(topic.configs).map(([config, value]) => ({ name: config, value }))
  return { ...topic, name, configs: checkTopicConfigs(given) }
}

/** Whether the item is that of a topic whose heads are still to be removed. Nobody but who removes them may know the topic. */
export function isBeingDeleted(stored: Item): boolean {
  return stored.deletedAtMs !== undefined
}
