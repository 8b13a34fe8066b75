import { fetchFunction } from '../fetch.ts'
import type { HandlersOf } from '../handler.ts'
import { listOffsetsFunction } from '../list-offsets.ts'
import { offsetForLeaderEpochFunction } from '../offset-for-leader-epoch.ts'

/** What the fetch function answers: reads, so that its role need not write. */
export const FETCH_HANDLERS: HandlersOf<'fetch'> = {
  fetch: fetchFunction,
  listOffsets: listOffsetsFunction,
  offsetForLeaderEpoch: offsetForLeaderEpochFunction,
}
