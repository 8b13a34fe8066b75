import { appendFileSync, closeSync, existsSync, openSync, readSync } from 'node:fs'
import type { Operation } from '../sim/history.ts'

/** What a client writes down: that it begins something, how that ended, and what it met that no fault explains. */
export type Event =
  | { readonly e: 'begin'; readonly id: number; readonly operation: Begun; readonly at: number }
  | ({ readonly e: 'end'; readonly id: number; readonly at: number } & Outcome)
  | { readonly e: 'surprise'; readonly text: string }

/** An operation that was not answered yet. */
export type Begun = Omit<Operation, 'invokedAt' | 'completedAt' | 'type'>

/** How an operation ended; `values` where offsets were told with it. */
export type Outcome = Pick<Operation, 'type'> &
  Partial<Pick<Operation, 'values' | 'error'>> & { readonly endOffset?: number | undefined }

/** Microseconds on a clock that all processes of this machine share and that never goes back. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n)
}

/** Writes down what one life of a client does, so that it survives the client: a line is written before the request is sent. */
export function historyWriter(path: string) {
  let ids = 0
  const write = (event: Event) => appendFileSync(path, `${JSON.stringify(event)}\n`)
  return {
    begin: (operation: Begun): number => {
      ids += 1
      write({ e: 'begin', id: ids, operation, at: nowUs() })
      return ids
    },
    end: (id: number, outcome: Outcome) => write({ e: 'end', id, at: nowUs(), ...outcome }),
    surprise: (text: string) => write({ e: 'surprise', text }),
  }
}

/** What all clients wrote so far. */
export interface Histories {
  readonly operations: readonly Operation[]
  readonly surprises: readonly string[]
  /** Reads what was added to the files since. */
  read(paths: readonly string[]): void
}

/** Nothing yet. Only ASCII is written, so no character is cut in half; whoever wrote half a line was killed meanwhile, before the request was sent or after its answer came. */
export function newHistories(): Histories {
  const operations: Operation[] = []
  const surprises: string[] = []
  const files = new Map<string, { position: number; rest: string; underWay: Map<number, Operation> }>()
  const take = (event: Event, underWay: Map<number, Operation>) => {
    if (event.e === 'surprise') {
      surprises.push(event.text)
    } else if (event.e === 'begin') {
      const { operation, at: invokedAt, id } = event
      const begun = { ...operation, invokedAt, completedAt: Number.MAX_SAFE_INTEGER, type: 'info' as const }
      operations.push(begun)
      underWay.set(id, begun)
    } else {
      const { e: _, id, at: completedAt, ...outcome } = event
      const begun = underWay.get(id)
      if (begun === undefined) throw new Error(`history has an end without a beginning id=${id}`)
      Object.assign(begun, outcome, { completedAt })
      underWay.delete(id)
    }
  }
  return {
    operations,
    surprises,
    read: (paths) => {
      for (const path of paths) {
        const file = files.get(path) ?? { position: 0, rest: '', underWay: new Map() }
        files.set(path, file)
        const added = readFrom(path, file.position)
        file.position += added.length
        const lines = (file.rest + added.toString()).split('\n')
        file.rest = lines.pop() ?? ''
        for (const line of lines) take(JSON.parse(line), file.underWay)
      }
    },
  }
}

function readFrom(path: string, position: number): Buffer {
  const chunks: Buffer[] = []
  if (!existsSync(path)) return Buffer.alloc(0)
  const file = openSync(path, 'r')
  try {
    for (let at = position; ; ) {
      const chunk = Buffer.alloc(1 << 20)
      const length = readSync(file, chunk, 0, chunk.length, at)
      if (length === 0) return Buffer.concat(chunks)
      chunks.push(chunk.subarray(0, length))
      at += length
    }
  } finally {
    closeSync(file)
  }
}
