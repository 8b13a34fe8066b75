/** Cuts chunks of bytes into lines, which keep every byte but the newline that ends them. */
export interface LineSplitter {
  /** The lines that end in `chunk`, in order; views of it, but for a line that began in an earlier chunk. */
  push(chunk: Uint8Array): Uint8Array[]
  /** The last line, if it has no newline. Zero bytes behind the last newline are no line. */
  end(): Uint8Array[]
  /** Bytes of the line that has begun and not ended yet: all that is held. */
  heldBytes(): number
}

const NEWLINE = 0x0a

/** A splitter at the start of its input. */
export function lineSplitter(): LineSplitter {
  let begun: Uint8Array[] = []
  let begunBytes = 0

  const finish = (part: Uint8Array): Uint8Array => {
    const line = begun.length === 0 ? part : Buffer.concat([...begun, part])
    begun = []
    begunBytes = 0
    return line
  }

  return {
    push: (chunk) => {
      const lines: Uint8Array[] = []
      let start = 0
      for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
        lines.push(finish(chunk.subarray(start, end)))
        start = end + 1
      }
      if (start < chunk.length) {
        begun.push(chunk.subarray(start))
        begunBytes += chunk.length - start
      }
      return lines
    },
    end: () => (begun.length === 0 ? [] : [finish(new Uint8Array(0))]),
    heldBytes: () => begunBytes,
  }
}
