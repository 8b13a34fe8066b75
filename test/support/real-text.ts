import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PACKAGES = ['@types/node', '@typescript']
const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url))
const NEWLINE = 0x0a

/**
 * More than 100,000 lines that people wrote, the last one ended too: the type declarations of Node and of the
 * JavaScript library, in the order of their names. The lockfile makes them the same everywhere.
 */
export async function realText(): Promise<Buffer> {
  const files: string[] = []
  for (const name of PACKAGES) {
    const folder = join(MODULES, name)
    const entries = await readdir(folder, { recursive: true })
    files.push(...entries.filter((entry) => entry.endsWith('.d.ts')).map((entry) => join(folder, entry)))
  }
  const texts = await Promise.all(files.sort().map((file) => readFile(file)))
  return Buffer.concat(
    texts.flatMap((text) => (text.at(-1) === NEWLINE ? [text] : [text, '\n'].map(bytesOf))),
  )
}

/** The lines of a text as views of it, without their newlines; what follows the last newline is no line. */
export function linesOf(text: Buffer): Buffer[] {
  const lines: Buffer[] = []
  let start = 0
  for (let end = text.indexOf(NEWLINE); end >= 0; end = text.indexOf(NEWLINE, start)) {
    lines.push(text.subarray(start, end))
    start = end + 1
  }
  return lines
}

function bytesOf(text: Buffer | string): Buffer {
  return typeof text === 'string' ? Buffer.from(text) : text
}
