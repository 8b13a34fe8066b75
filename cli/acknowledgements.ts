import type { StratologError } from '../client/index.ts'
import type { InputBatch } from './batcher.ts'

/** What became of a batch, and where it is: without a key it may have gone to another partition than it was meant for. */
export type Outcome =
  | { readonly partition: number; readonly baseOffset: number }
  | { readonly error: StratologError }

type Written = Extract<Outcome, { baseOffset: number }>

/** Where the record of one input line is. */
export interface Acknowledged {
  readonly partition: number
  /** −1 with acks=0, when nobody knows. */
  readonly offset: number
}

/** Brings the outcomes of batches, which come in any order, back into the order of the input lines. */
export interface Acknowledgements {
  /** The next input line is in this batch. */
  add(batch: InputBatch): void
  settle(batch: InputBatch, outcome: Outcome): void
  /** The acknowledged lines that no line before them is waiting for. */
  take(): Acknowledged[]
  /** All acknowledged lines, whatever else failed or was not sent: for the end. */
  takeAll(): Acknowledged[]
  /** Lines added and not taken yet. */
  waitingCount(): number
}

/** Acknowledgements of an input of which nothing was read yet. */
export function acknowledgements(): Acknowledgements {
  const lines: InputBatch[] = []
  const outcomes = new Map<InputBatch, Outcome>()
  const takenOf = new Map<InputBatch, number>()
  let head = 0

  /** Lines are in their batch in the order of the input, so the next one of a batch is its next offset. */
  const takeLine = (batch: InputBatch, { partition, baseOffset }: Written): Acknowledged => {
    const taken = takenOf.get(batch) ?? 0
    takenOf.set(batch, taken + 1)
    if (taken + 1 === batch.lines.length) {
      outcomes.delete(batch)
      takenOf.delete(batch)
    }
    return { partition, offset: baseOffset === -1 ? -1 : baseOffset + taken }
  }
  const forgetTaken = () => {
    if (head * 2 < lines.length) return
    lines.splice(0, head)
    head = 0
  }

  return {
    add: (batch) => {
      lines.push(batch)
    },
    settle: (batch, outcome) => {
      outcomes.set(batch, outcome)
    },
    take: () => {
      const taken: Acknowledged[] = []
      for (; head < lines.length; head += 1) {
        const batch = lines[head]
        const outcome = batch && outcomes.get(batch)
        if (batch === undefined || outcome === undefined || 'error' in outcome) break
        taken.push(takeLine(batch, outcome))
      }
      forgetTaken()
      return taken
    },
    takeAll: () => {
      const taken: Acknowledged[] = []
      for (const batch of lines.splice(head)) {
        const outcome = outcomes.get(batch)
        if (outcome !== undefined && 'baseOffset' in outcome) taken.push(takeLine(batch, outcome))
      }
      return taken
    },
    waitingCount: () => lines.length - head,
  }
}
