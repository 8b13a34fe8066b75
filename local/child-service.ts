import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** A program that serves something on this machine. */
export interface ChildService {
  readonly pid: number
  /** Resolves with the end of what it said on stderr once it is gone. */
  readonly exited: Promise<string>
  /** Ends it and all that it started; resolves when they are gone. */
  stop(): Promise<void>
}

interface ChildOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly environment: NodeJS.ProcessEnv
  /** Removed when the child ends, however that comes. */
  readonly scratchFolder: string
}

/**
 * Stands between us and the child, in a process group of its own. Its stdin ends with `stop` or with our death, even by
 * kill -9; then the child has 3 s to end by itself, and the group is killed. It says nothing itself: the pipe of stderr ends
 * with us too, and would end it.
 */
const KEEPER = `
exec 3<&0
"$@" 3<&- </dev/null &
child=$!
exec 2>/dev/null
( cat <&3 >/dev/null; kill -TERM $child; sleep 3; rm -rf -- "$SCRATCH_FOLDER"; kill -KILL 0 ) &
wait $child
rm -rf -- "$SCRATCH_FOLDER"
kill -KILL 0
`
const STDERR_CHARACTERS = 4000
const POLL_MS = 50
const ANSWER_MS = 1000

/** Starts a program that ends with this process at the latest. */
export function startChild({ command, args, environment, scratchFolder }: ChildOptions): ChildService {
  const child = spawn('sh', ['-c', KEEPER, 'keeper', command, ...args], {
    detached: true,
    env: { ...environment, SCRATCH_FOLDER: scratchFolder },
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  child.stdin?.on('error', () => undefined) // it is gone already
  const exited = endOf(child)
  return {
    pid: child.pid ?? 0,
    exited,
    stop: async () => {
      child.stdin?.end()
      await exited
    },
  }
}

/**
 * Waits until an HTTP server answers at `url`, whatever it says.
 *
 * Rejects when the child ends before that, or takes longer than `timeoutMs`; the child is stopped then.
 */
export async function untilAnswers(child: ChildService, url: string, timeoutMs: number): Promise<void> {
  let stderr: string | undefined
  child.exited.then((said) => {
    stderr = said
  })
  for (const giveUpAtMs = Date.now() + timeoutMs; Date.now() < giveUpAtMs; await sleep(POLL_MS)) {
    if (stderr !== undefined) throw new Error(`emulator did not start url=${url} stderr=${stderr}`)
    if (await answers(url)) return
  }
  await child.stop()
  throw new Error(`emulator does not answer url=${url} timeoutMs=${timeoutMs} stderr=${stderr ?? ''}`)
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port is free')
  return address.port
}

function answers(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const { get } = url.startsWith('https:') ? https : http
    // Nothing secret is sent, and an emulator signs its certificate itself.
    const request = get(url, { rejectUnauthorized: false, timeout: ANSWER_MS }, (response) => {
      response.resume()
      resolve(true)
    })
    request.on('error', () => resolve(false))
    request.on('timeout', () => request.destroy())
  })
}

async function endOf(child: ChildProcess): Promise<string> {
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-STDERR_CHARACTERS)
  })
  child.once('error', (error) => {
    said += error.message
  })
  await once(child, 'close').catch(() => undefined)
  return said
}
