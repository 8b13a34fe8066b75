import { readdir, readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { BATCH_TARGETS } from './batch-targets.ts'
import { CODEC_TARGETS } from './codec-targets.ts'
import { CONSUMER_PROTOCOL_TARGETS } from './consumer-protocol-targets.ts'
import { anyInput } from './mutate.ts'
import { STORED_TARGETS } from './stored-targets.ts'
import type { Target } from './target.ts'
import { WIRE_TARGETS } from './wire-targets.ts'

const CORPUS = new URL('../fixtures/corpus/', import.meta.url)

/** Targets that need no service. */
export const PURE_TARGETS: readonly Target[] = [
  ...BATCH_TARGETS,
  ...CODEC_TARGETS,
  ...WIRE_TARGETS,
  ...CONSUMER_PROTOCOL_TARGETS,
  ...STORED_TARGETS,
]

/** An input that once did harm. */
export interface Past {
  readonly target: string
  readonly why: string
  readonly base64: string
}

/** All inputs that once did harm, and those that nearly would. */
export async function corpus(): Promise<readonly Past[]> {
  const names = (await readdir(CORPUS)).filter((name) => name.endsWith('.json'))
  const files = await Promise.all(names.map((name) => readFile(new URL(name, CORPUS), 'utf8')))
  return files.flatMap((text) => JSON.parse(text) as Past[])
}

/** Checks the target with so many inputs; rejects with a report of the smallest one found that breaks it. */
export async function fuzz(
  { seeds, check, name }: Target,
  options: { readonly runs: number; readonly seed?: number | undefined; readonly again?: string },
): Promise<void> {
  const property = fc.asyncProperty(anyInput(seeds), async (bytes) => check(bytes))
  const { runs: numRuns, seed, again } = options
  const found = await fc.check(property, { numRuns, ...(seed === undefined ? {} : { seed }) })
  if (!found.failed) return
  const [bytes = new Uint8Array(0)] = found.counterexample ?? []
  const cause = found.errorInstance
  throw new Error(
    [
      `${name} broke after ${found.numRuns} runs: ${cause instanceof Error ? cause.stack : String(cause)}`,
      ...brokenBy(name, bytes),
      `  again: ${again ?? `--seed ${found.seed >>> 0}, as many runs`}`,
    ].join('\n'),
  )
}

/** The input, and what keeps it: the corpus is tried by every run, before anything is drawn. */
function brokenBy(target: string, bytes: Uint8Array): readonly string[] {
  const past: Past = { target, why: '…', base64: Buffer.from(bytes).toString('base64') }
  return [`  to keep it, say why and add to test/fixtures/corpus/decoders.json: ${JSON.stringify(past)}`]
}
