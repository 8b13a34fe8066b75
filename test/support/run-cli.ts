import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { STRATOLOG } from './dev-process.ts'

/** Files that take the place of the terminal; without them there is no input, and the output is thrown away. */
export interface CliFiles {
  readonly stdin?: string
  readonly stdout?: string
}

/** Runs `stratolog` with `args` to its end, in a process of its own; rejects with its stderr unless it exits with 0. */
export async function runCli(args: readonly string[], files: CliFiles = {}): Promise<void> {
  const child = spawn(process.execPath, [STRATOLOG, ...args])
  const closed = once(child, 'close')
  const said: Buffer[] = []
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk))
  try {
    const input = files.stdin === undefined ? [] : [pipeline(createReadStream(files.stdin), child.stdin)]
    if (files.stdin === undefined) child.stdin.end()
    const output = files.stdout === undefined ? [] : [pipeline(child.stdout, createWriteStream(files.stdout))]
    if (files.stdout === undefined) child.stdout.resume()
    await Promise.all([closed, ...output, ...input])
  } finally {
    child.kill('SIGKILL')
  }
  if (child.exitCode !== 0) {
    throw new Error(`stratolog ${args.join(' ')} exit=${child.exitCode} stderr=${Buffer.concat(said)}`)
  }
}
