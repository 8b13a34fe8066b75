import { rename, rm, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { FOLDER, PID_FILE, type RunningMiniStack, readPidFile } from './local-aws.ts'
import { startMiniStack } from './ministack.ts'

const POLL_MS = 200

/**
 * Runs MiniStack as a process of its own, with roles, signatures and TLS-only policies enforced, until the file with its pid
 * is gone (so that a removed checkout leaves nothing behind), or it is told to stop; with `process` as its argument also
 * until its parent is gone.
 */
const parentPid = process.argv[2] === 'process' ? process.ppid : undefined
const told = new Promise<'told'>((resolve) => {
  process.once('SIGTERM', () => resolve('told'))
  process.once('SIGINT', () => resolve('told'))
})

const miniStack = await startMiniStack({
  services: undefined,
  access: 'enforced',
  protocol: 'https',
}).catch((error: unknown) => {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    process.stderr.write(`${cause.message}\n`)
  }
  process.exit(1)
})
const { endpoint, certificateFile = '', scratchFolder } = miniStack
const running: RunningMiniStack = { pid: process.pid, endpoint, certificateFile, scratchFolder }
const unfinished = `${PID_FILE}.new`
await writeFile(unfinished, JSON.stringify(running))
await rename(unfinished, PID_FILE)

const end = Promise.race([told, miniStack.exited])
while ((await Promise.race([end, sleep(POLL_MS)])) === undefined) {
  if ((await readPidFile())?.pid !== process.pid) break
  if (parentPid !== undefined && process.ppid !== parentPid) break
}
await miniStack.stop()
process.stderr.write(await miniStack.exited)
if (parentPid !== undefined) await rm(FOLDER, { recursive: true, force: true })
process.exit()
