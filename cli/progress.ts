import type { WriteStream } from 'node:tty'

/** What went through so far, shown on a terminal while it goes. */
export interface Progress {
  add(more: { readonly records: number; readonly bytes: number }): void
  /** Takes the line away. */
  end(): void
}

/** Often enough to be alive, seldom enough to cost nothing. */
const REPAINT_MS = 500

const SILENT: Progress = { add: () => {}, end: () => {} }

/** `1200 records/s 3.4 MB/s`, from totals. */
export function rateText(total: {
  readonly records: number
  readonly bytes: number
  readonly ms: number
}): string {
  const seconds = Math.max(total.ms, 1) / 1000
  const megabytes = (total.bytes / seconds / 1e6).toFixed(1)
  return `${total.records} records, ${Math.round(total.records / seconds)} records/s, ${megabytes} MB/s`
}

/** Progress on the standard error; silent unless that is a terminal and `isShown`. */
export function progress(stream: WriteStream, isShown: boolean, now: () => number): Progress {
  if (!stream.isTTY || !isShown) return SILENT
  const startedMs = now()
  let [records, bytes, paintedMs] = [0, 0, startedMs]
  return {
    add: (more) => {
      records += more.records
      bytes += more.bytes
      if (now() - paintedMs < REPAINT_MS) return
      paintedMs = now()
      stream.write(`\r\x1b[K${rateText({ records, bytes, ms: paintedMs - startedMs })}`)
    },
    end: () => {
      if (paintedMs > startedMs) stream.write('\r\x1b[K')
    },
  }
}
