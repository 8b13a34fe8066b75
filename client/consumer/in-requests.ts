import { MAX_REQUEST_PARTITIONS } from '../../shared/protocol/limits.ts'

/**
 * Asks about partitions in as many requests as that takes, one after the other: answer i is that of partition i.
 *
 * @throws unknown what a request failed with; those before it were made
 */
export async function inRequests<P, A>(
  partitions: readonly P[],
  ask: (some: readonly P[]) => Promise<readonly A[]>,
): Promise<A[]> {
  const answers: A[] = []
  for (let at = 0; at < partitions.length; at += MAX_REQUEST_PARTITIONS) {
    answers.push(...(await ask(partitions.slice(at, at + MAX_REQUEST_PARTITIONS))))
  }
  return answers
}
