/** Runs `work` for every item, at most `most` at once; result i is of item i. After a failure no more is begun; it is thrown when what was begun has ended. */
export async function concurrently<T, R>(
  items: readonly T[],
  most: number,
  work: (item: T, position: number) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length)
  let next = 0
  const worker = async () => {
    while (next < items.length) {
      const position = next
      next += 1
      results[position] = await work(items[position] as T, position)
    }
  }
  const workers = Array.from({ length: Math.min(most, items.length) }, async () => {
    try {
      await worker()
    } catch (error) {
      next = items.length
      throw error
    }
  })
  const failed = (await Promise.allSettled(workers)).find((outcome) => outcome.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  return results
}
