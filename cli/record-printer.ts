import type { ConsumedRecord, RecordFormat } from './format.ts'
import type { Output } from './output.ts'
import type { Progress } from './progress.ts'

/** Prints records until there are enough of them. */
export interface RecordPrinter {
  /** Takes as many of these as are still wanted, and answers how many; `bytes` is what they came as. */
  print(records: readonly ConsumedRecord[], bytes: number): Promise<number>
  /** Hands over everything taken. @throws BrokenPipe */
  flush(): Promise<void>
  /** Records that are still wanted. */
  wanted(): number
  isFull(): boolean
}

/** A printer of the first `limit` records. */
export function recordPrinter(options: {
  readonly output: Output
  readonly format: RecordFormat
  readonly limit: number
  readonly shown: Progress
}): RecordPrinter {
  const { output, format, limit, shown } = options
  let count = 0
  return {
    isFull: () => count >= limit,
    wanted: () => limit - count,
    flush: () => output.flush(),
    print: async (given, bytes) => {
      const records = given.slice(0, limit - count)
      for (const record of records) {
        const chunks: Uint8Array[] = []
        format(record, chunks)
        await output.write(chunks)
      }
      count += records.length
      shown.add({ records: records.length, bytes })
      return records.length
    },
  }
}
