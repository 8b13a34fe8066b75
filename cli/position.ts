/** How far a partition has been read, and what to ask for next; updated as it is read. */
export interface Position {
  readonly partition: number
  /** The offset to fetch. */
  nextOffset: number
  /** Where reading stops (exclusive); undefined to go on for ever. */
  readonly endOffset: number | undefined
  /** The leader epoch that metadata knows: the service refuses an older one, so that no stale leader is read. */
  currentLeaderEpoch: number
  /** Leader epoch of the last batch read, −1 before the first: the service tells if the log went another way. */
  lastFetchedEpoch: number
  /** Since when every fetch of this partition has failed; undefined when the last one did not. */
  failingSinceMs: number | undefined
}

/** Whether everything up to the end has been read. */
export function isAtEnd(position: Position): boolean {
  return position.endOffset !== undefined && position.nextOffset >= position.endOffset
}
