import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** How a program is run. */
interface RunOptions {
  readonly input?: Uint8Array | string
  readonly environment?: NodeJS.ProcessEnv
}

const TIMEOUT_MS = 60_000

/** Runs a program to its end and answers its output; rejects with what it said unless it exits with 0. */
export async function runProgram(
  command: string,
  args: readonly string[],
  { input = '', environment = process.env }: RunOptions = {},
): Promise<Buffer> {
  const child = spawn(command, args, { env: environment, timeout: TIMEOUT_MS, killSignal: 'SIGKILL' })
  const output: Buffer[] = []
  const errors: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk))
  child.stdin.on('error', () => undefined) // its exit status says more
  child.stdin.end(input)
  const [exitCode, signal] = await once(child, 'close')
  if (exitCode === 0) return Buffer.concat(output)
  const said = Buffer.concat([...errors, ...output])
  throw new Error(`${command} ${args.join(' ')} failed exit=${exitCode ?? signal}\n${said}`)
}
