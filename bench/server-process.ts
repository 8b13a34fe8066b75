import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** What is measured: the service, or the least that a service of its promise must do. */
export type Subject = 'service' | 'floor'

/** A server in a process and a folder of its own. */
export interface ServerProcess {
  readonly endpoint: string
  /** CPU time of all its threads so far, in steps of 10 ms; undefined where there is no /proc. */
  cpuMs(): Promise<number | undefined>
  /** SIGTERM, awaited; the folder is removed. */
  stop(): Promise<void>
}

const COMMANDS: Readonly<Record<Subject, (folder: string) => readonly string[]>> = {
  service: (folder) => [pathOf('../cli/stratolog.ts'), 'dev', '--port', '0', '--data-dir', folder],
  floor: (folder) => [pathOf('./floor-server.ts'), folder],
}

/** Starts a server under node with `nodeFlags` and waits for its first line. */
export async function startServer(subject: Subject, nodeFlags: readonly string[]): Promise<ServerProcess> {
  const folder = await mkdtemp(join(tmpdir(), `stratolog-bench-${subject}-`))
  const child = spawn(process.execPath, [...nodeFlags, ...COMMANDS[subject](folder)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const stop = async () => {
    child.kill('SIGTERM')
    await exited
    await rm(folder, { recursive: true, force: true })
  }
  const first = once(createInterface({ input: child.stdout }), 'line')
  const [line] = await Promise.race([first, exited.then(() => [''])])
  const endpoint = /http:\/\/\S+/.exec(String(line))?.[0]
  if (endpoint === undefined) {
    await stop()
    throw new Error(`server did not start subject=${subject}`)
  }
  return { endpoint, cpuMs: () => cpuMs(child.pid), stop }
}

/** Runs a script of this folder to its end and parses the one line of JSON it prints. */
export async function runScript<T>(name: string, args: readonly string[]): Promise<T> {
  const child = spawn(process.execPath, [pathOf(name), ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  const output: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  await closed
  if (child.exitCode !== 0) throw new Error(`script failed name=${name} status=${child.exitCode}`)
  return JSON.parse(Buffer.concat(output).toString()) as T
}

/** `utime` and `stime` of proc(5), in ticks of 10 ms; the fields in front of them end with the command's `)`. */
async function cpuMs(pid: number | undefined): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields === undefined ? undefined : (Number(fields[11]) + Number(fields[12])) * 10
}

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url))
}
