/** A rule of the protocol taken out of the product's text. */
export interface PlantedBug {
  readonly name: string
  /** The rule that it removes, as design and reference/interleavings.md number and word it. */
  readonly rule: string
  /** Module, from the root of the repository. */
  readonly file: string
  /** Stands exactly once in the module. */
  readonly find: string
  readonly replace: string
  /** Statements on the module's first line, for what `replace` needs. */
  readonly imports?: string
}

/** The bugs that a simulation must find: each one a rule without which data is lost, doubled or mixed up, or nothing goes on. */
export const BUGS: readonly PlantedBug[] = [
  {
    name: 'no-deduplication',
    rule: 'K9: the append checks the sequence of its producer',
    file: 'shared/core/head-commands.ts',
    find: '      ...sequenceFollows(batch),\n',
    replace: '',
  },
  {
    name: 'ack-before-append',
    rule: '§4: an answer comes after the conditional write',
    file: 'shared/service/append-batch.ts',
    find: '    const appended = await appendUntilDone(appending)\n',
    replace: `    const writing = appendUntilDone(appending)
    writing.catch(() => undefined)
    const baseOffset = appending.head.logEndOffset
    if (appending.head.leader !== undefined)
      return { head: appending.head, batch: { baseOffset, endOffset: baseOffset + 1, reference: { maxTimestamp: 0 } } }
    const appended = await writing
`,
  },
  {
    name: 'reader-beyond-high-watermark',
    rule: 'I13: nothing at or above the high watermark is returned',
    file: 'shared/service/read-partition.ts',
    find: 'lastStableOffset(head) : head.highWatermark',
    replace: 'lastStableOffset(head) : head.logEndOffset',
  },
]
