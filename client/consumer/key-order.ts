/** Items of which those with one key go one after the other, and all others as they come. */
export interface KeyOrder<T> {
  /** The first item that may begin now; undefined when there is none, or all are of keys that are busy. */
  next(): T | undefined
  /** An item that `next` gave is done: its key's next one may begin. */
  finished(item: T): void
  /** What `next` has not given, in the order of the items. */
  rest(): T[]
}

/** Orders `items`; one without a key (null) has no other to wait for. */
export function keyOrder<T>(items: readonly T[], keyOf: (item: T) => string | null): KeyOrder<T> {
  let at = 0
  const given = new Set<T>()
  const busy = new Map<string, T[]>()
  const ready: T[] = []
  const give = (item: T): T => {
    given.add(item)
    return item
  }
  return {
    next: () => {
      const freed = ready.shift()
      if (freed !== undefined) return give(freed)
      for (; at < items.length; at += 1) {
        const item = items[at] as T
        const key = keyOf(item)
        const waiting = key === null ? undefined : busy.get(key)
        if (waiting !== undefined) {
          waiting.push(item)
          continue
        }
        if (key !== null) busy.set(key, [])
        at += 1
        return give(item)
      }
      return undefined
    },
    finished: (item) => {
      const key = keyOf(item)
      if (key === null) return
      const following = busy.get(key)?.shift()
      if (following === undefined) busy.delete(key)
      else ready.push(following)
    },
    rest: () => items.filter((item) => !given.has(item)),
  }
}
