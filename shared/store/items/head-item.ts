import * as z from 'zod'
import type { Head } from '../../core/head.ts'
import type { Change, Check, Item, Operand, Path, SimpleCheck, UpdatePlan } from '../../core/update-plan.ts'

/**
 * A head as it is stored. Its attributes have one or two letters, because each KiB of it costs a write unit with
 * every append; the full words are the code's.
 */
const LETTERS = {
  leader: 'l',
  leaderEpoch: 'e',
  partitionEpoch: 'v',
  controllerEpoch: 'c',
  replicas: 'r',
  isr: 'i',
  joining: 'j',
  minIsr: 'm',
  logStartOffset: 's',
  logEndOffset: 'n',
  highWatermark: 'h',
  sealedEnd: 'se',
  walFloor: 'wf',
  holeStart: 'hs',
  holeEnd: 'he',
  holeSince: 'ht',
  lineage: 'E',
  tail: 't',
  producers: 'p',
  producerOffsets: 'q',
  openTransactions: 'o',
  openEpochs: 'oe',
  maxEvictedOffset: 'x',
  dueShard: 'dueShard',
  dueAtMs: 'dueAtMs',
} as const satisfies Record<keyof Head, string>

const count = z.int().min(0)
const numbers = z.record(z.string(), count)
const names = z.array(z.string())

const headItem = z.object({
  l: z.string().optional(),
  e: count,
  v: count,
  c: count,
  r: names,
  i: names,
  j: names,
  m: count,
  s: count,
  n: count,
  h: count,
  se: count,
  wf: z.string(),
  hs: numbers,
  he: numbers,
  ht: numbers,
  E: numbers,
  t: numbers,
  p: numbers,
  q: numbers,
  o: numbers,
  oe: numbers,
  x: z.int().min(-1),
  dueShard: count,
  dueAtMs: count.optional(),
})

/** The item of a head. */
export function encodeHead(head: Head): Item {
  const item: Record<string, Item[string]> = {}
  for (const [word, letter] of Object.entries(LETTERS)) {
    const value = head[word as keyof Head]
    if (value !== undefined) item[letter] = value
  }
  return item
}

/** The head of an item read back. */
export function decodeHead(stored: Item): Head {
  const item = headItem.parse(stored)
  const head: Record<string, unknown> = {}
  for (const [word, letter] of Object.entries(LETTERS)) head[word] = item[letter as keyof typeof item]
  return head as unknown as Head
}

/** A plan on a head's words as a plan on its stored letters. */
export function encodeHeadPlan(plan: UpdatePlan): UpdatePlan {
  return { checks: encodeHeadChecks(plan.checks), changes: plan.changes.map(encodeChange) }
}

/** Checks on a head's words as checks on its stored letters. */
export function encodeHeadChecks(checks: readonly Check[]): readonly Check[] {
  return checks.map((check) =>
    check.check === 'anyOf' ? { ...check, checks: check.checks.map(encodeCheck) } : encodeCheck(check),
  )
}

function encodeCheck(check: SimpleCheck): SimpleCheck {
  const path = encodePath(check.path)
  return 'to' in check ? { ...check, path, to: encodeOperand(check.to) } : { ...check, path }
}

function encodeOperand(operand: Operand): Operand {
  return 'path' in operand ? { path: encodePath(operand.path) } : operand
}

function encodeChange(change: Change): Change {
  const path = encodePath(change.path)
  return change.change === 'copy' ? { ...change, path, from: encodePath(change.from) } : { ...change, path }
}

function encodePath([word, ...rest]: Path): Path {
  return [LETTERS[word as keyof Head], ...rest]
}
