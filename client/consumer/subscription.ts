/** Topics by name, or all whose names match. */
export type TopicSelector = string | RegExp

/** A topic as far as a subscription looks at it. */
interface KnownTopic {
  readonly name: string
  readonly isInternal: boolean
}

/**
 * The names subscribed to: those given, whether they exist or not, and those of known topics that a pattern matches,
 * Kafka's internal ones excepted (`exclude.internal.topics`). Sorted.
 */
export function subscribedTopics(
  selectors: readonly TopicSelector[],
  known: readonly KnownTopic[],
): readonly string[] {
  const names = new Set<string>()
  for (const selector of selectors) {
    if (typeof selector === 'string') names.add(selector)
    else
      for (const topic of known) if (!topic.isInternal && matches(selector, topic.name)) names.add(topic.name)
  }
  return [...names].sort()
}

/** Whether all topics must be known to tell what is subscribed to. */
export function hasPattern(selectors: readonly TopicSelector[]): boolean {
  return selectors.some((selector) => typeof selector !== 'string')
}

/** A RegExp means what it always does, a part of the name is enough; flags that make it remember a place would skip topics. */
function matches(pattern: RegExp, name: string): boolean {
  return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')).test(name)
}
