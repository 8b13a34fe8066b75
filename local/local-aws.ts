import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** An AWS on this machine. */
export interface LocalAws {
  readonly endpoint: string
  /** What signed its certificate; undefined over plain HTTP. */
  readonly certificateFile: string | undefined
  /** Ours, in the background; undefined for one that the environment names. */
  readonly miniStack: RunningMiniStack | undefined
}

/** The process that runs MiniStack, as it wrote itself down. */
export interface RunningMiniStack {
  readonly pid: number
  readonly endpoint: string
  readonly certificateFile: string
  readonly scratchFolder: string
}

/** Whether MiniStack stays when the process that started it ends. */
export type Lifetime = 'background' | 'process'

/** What belongs to the local deployment; git ignores it. */
export const FOLDER = fileURLToPath(new URL('../.cache/local-aws/', import.meta.url))
/** Who runs MiniStack. It ends when this file does. */
export const PID_FILE = join(FOLDER, 'pid.json')
const LOG_FILE = join(FOLDER, 'ministack.log')
const KEEPER = fileURLToPath(new URL('ministack-keeper.ts', import.meta.url))
/** The first start installs it. */
const START_MS = 180_000
const STOP_MS = 20_000
const POLL_MS = 100
const THIS_MACHINE = /^(?:127\.0\.0\.1|\[::1\]|(?:.+\.)?localhost|(?:.+\.)?localhost\.localstack\.cloud)$/

/**
 * The AWS that AWS_ENDPOINT_URL names, else the MiniStack that runs in the background; undefined when there is none.
 *
 * Throws when AWS_ENDPOINT_URL is not on this machine.
 */
export async function findLocalAws(environment: NodeJS.ProcessEnv): Promise<LocalAws | undefined> {
  const given = environment.AWS_ENDPOINT_URL
  if (given) {
    const url = URL.parse(given)
    if (url === null || !THIS_MACHINE.test(url.hostname)) {
      throw new Error(`AWS_ENDPOINT_URL must be on this machine endpoint=${given}`)
    }
    const certificateFile = url.protocol === 'https:' ? environment.AWS_CA_BUNDLE : undefined
    return { endpoint: given.replace(/\/+$/, ''), certificateFile, miniStack: undefined }
  }
  const running = await readPidFile()
  return running === undefined || !isRunning(running) ? undefined : { ...running, miniStack: running }
}

/** Starts MiniStack; rejects with what it said when it does not start. Nothing of it is left then. */
export async function startLocalAws(lifetime: Lifetime): Promise<LocalAws> {
  await rm(FOLDER, { recursive: true, force: true })
  await mkdir(FOLDER, { recursive: true })
  const log = openSync(LOG_FILE, 'w')
  const keeper = spawn(process.execPath, [KEEPER, lifetime], { detached: true, stdio: ['ignore', log, log] })
  closeSync(log)
  const giveUpAtMs = Date.now() + START_MS
  while (Date.now() < giveUpAtMs && keeper.exitCode === null && keeper.signalCode === null) {
    const running = await readPidFile()
    if (running !== undefined) {
      keeper.unref()
      return { ...running, miniStack: running }
    }
    await sleep(POLL_MS)
  }
  if (keeper.exitCode === null && keeper.pid !== undefined) process.kill(-keeper.pid, 'SIGKILL')
  throw new Error(`MiniStack did not start\n${await readFile(LOG_FILE, 'utf8')}`)
}

/** Ends MiniStack and all that it wrote; resolves when nothing is left. */
export async function stopLocalAws(): Promise<void> {
  const running = await readPidFile()
  const wasRunning = running !== undefined && isRunning(running)
  await rm(FOLDER, { recursive: true, force: true })
  if (!wasRunning) return
  const isThere = () => isAlive(running.pid) || existsSync(running.scratchFolder)
  for (const giveUpAtMs = Date.now() + STOP_MS; isThere(); await sleep(POLL_MS)) {
    if (Date.now() > giveUpAtMs) {
      throw new Error(`MiniStack did not end pid=${running.pid} folder=${running.scratchFolder}`)
    }
  }
}

/** The process that wrote itself down, whether it still lives or not. */
export async function readPidFile(): Promise<RunningMiniStack | undefined> {
  const text = await readFile(PID_FILE, 'utf8').catch(() => undefined)
  return text === undefined ? undefined : JSON.parse(text)
}

/** Whether something takes connections where this URL says. */
export function isListening(endpoint: string): Promise<boolean> {
  const { protocol, hostname, port } = new URL(endpoint)
  return new Promise((resolve) => {
    const socket = connect(Number(port || (protocol === 'https:' ? 443 : 80)), hostname, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

/** After the machine was started anew, another process may have the pid. */
function isRunning({ pid, scratchFolder }: RunningMiniStack): boolean {
  return isAlive(pid) && existsSync(scratchFolder)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
