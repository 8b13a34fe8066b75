import type { Key, Operation } from './history.ts'
import { namedKey } from './producer.ts'
import type { KnownTopic } from './topics.ts'

/**
 * Sends to whichever topic has the name, under the key of the topic that took them: where they were read, else the only
 * one that was there while they were under way, which may have lost them. Says what is in two topics.
 */
export function resolveNamed(
  operations: readonly Operation[],
  known: Iterable<KnownTopic>,
  final: ReadonlyMap<Key, ReadonlyMap<number, string>>,
): { readonly operations: readonly Operation[]; readonly broken: readonly string[] } {
  const places = placesOf(operations, final)
  const byName = Map.groupBy(known, ({ name }) => name)
  const broken: string[] = []
  const resolved = operations.flatMap((operation) => {
    const [, name, partition] = /^\?(.+)\/(\d+)$/.exec(operation.key) ?? []
    if (name === undefined || operation.key !== namedKey(name, Number(partition))) return [operation]
    const read = new Set(operation.values.flatMap(([, value]) => [...(places.get(value) ?? [])]))
    if (read.size > 1) broken.push(`in-two-topics: ${operation.values} is at ${[...read]}`)
    const [found] = read
    const { invokedAt, completedAt } = operation
    const topics = byName.get(name) ?? []
    const takers = topics.filter(
      ({ madeAt, goneAt = completedAt }) => madeAt <= completedAt && goneAt >= invokedAt,
    )
    // Where several may have taken it, and nobody read it, nothing follows.
    const key = found ?? (takers.length === 1 ? `${takers[0]?.topicId}/${partition}` : undefined)
    return key === undefined ? [] : [{ ...operation, key }]
  })
  return { operations: resolved, broken }
}

/** Keys at which each value was read. */
function placesOf(
  operations: readonly Operation[],
  final: ReadonlyMap<Key, ReadonlyMap<number, string>>,
): ReadonlyMap<string, ReadonlySet<Key>> {
  const places = new Map<string, Set<Key>>()
  const add = (key: Key, value: string) => places.set(value, (places.get(value) ?? new Set()).add(key))
  for (const { f, key, values } of operations) {
    if (f === 'poll') for (const [, value] of values) add(key, value)
  }
  for (const [key, values] of final) for (const value of values.values()) add(key, value)
  return places
}
