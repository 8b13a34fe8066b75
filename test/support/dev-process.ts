import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** The command line of this checkout. */
export const STRATOLOG = fileURLToPath(new URL('../../cli/stratolog.ts', import.meta.url))

/** A `stratolog dev` that takes requests. */
export interface DevProcess {
  readonly pid: number
  readonly endpoint: string
  /** Resolves with what it said on stderr when the process is gone, whoever ended it. */
  readonly exited: Promise<string>
  /** kill -9, awaited; nothing happens when it is gone already. */
  kill(): Promise<void>
  /** SIGTERM, awaited; answers the exit status, null when a signal ended it. */
  stop(): Promise<number | null>
}

/** How a `stratolog dev` is started. */
export interface DevOptions {
  /** Where it keeps its records: a folder, or what this environment says of AWS. */
  readonly dataDirectory: string | { readonly environment: Readonly<Record<string, string>> }
  /** Where it listens; a free one unless given. */
  readonly port?: number
  /** Flags of node itself, for example `--cpu-prof`. */
  readonly nodeFlags?: readonly string[]
  /** Told the process at once: whoever wants to kill it before it listens. */
  readonly onSpawn?: (child: ChildProcess) => void
}

/**
 * Starts the service and waits until it listens.
 *
 * Rejects with its stderr when it ends before that.
 */
export async function startDev(options: DevOptions): Promise<DevProcess> {
  const { dataDirectory } = options
  const store = typeof dataDirectory === 'string' ? ['--data-dir', dataDirectory] : ['--aws', 'environment']
  const args = [STRATOLOG, 'dev', '--port', String(options.port ?? 0), ...store]
  const child = spawn(process.execPath, [...(options.nodeFlags ?? []), ...args], {
    env: { ...process.env, ...(typeof dataDirectory === 'string' ? {} : dataDirectory.environment) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = exitOf(child)
  options.onSpawn?.(child)
  const lines = createInterface({ input: child.stdout })
  const first = once(lines, 'line').then(([line]) => String(line))
  const line = await Promise.race([first, exited.then(() => undefined)])
  const [, pid, endpoint] = /pid=(\d+) listening on (http:\/\/\S+)/.exec(line ?? '') ?? []
  if (endpoint === undefined || Number(pid) !== child.pid) {
    child.kill('SIGKILL')
    throw new Error(`dev did not start line=${line} stderr=${await exited}`)
  }
  return {
    pid: Number(pid),
    endpoint,
    exited,
    kill: async () => {
      child.kill('SIGKILL')
      await exited
    },
    stop: async () => {
      child.kill('SIGTERM')
      await exited
      return child.exitCode
    },
  }
}

/** What the child said on stderr, once it is gone and nothing of it is left to be read. */
async function exitOf(child: ChildProcess): Promise<string> {
  const said: Buffer[] = []
  child.stderr?.on('data', (chunk: Buffer) => said.push(chunk))
  await once(child, 'close')
  return Buffer.concat(said).toString()
}
