import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test, vi } from 'vitest'
import { startChild, untilAnswers } from '../../local/child-service.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const MODULE = fileURLToPath(new URL('../../local/child-service.ts', import.meta.url))

/** A child that starts a child of its own and does not mind SIGTERM. */
const STUBBORN = 'trap "" TERM; sleep 600 & sleep 600'

/** The first process of a machine may take its time to collect the dead. */
const COLLECTED_MS = 10_000

test('a child and its children end when their parent is killed, and leave nothing behind', async () => {
  const scratchFolder = temporaryFolder()
  const program = `
    import { startChild } from ${JSON.stringify(MODULE)}
    const options = { command: 'sh', args: ['-c', 'sleep 600 & sleep 600'], environment: process.env }
    console.log(startChild({ ...options, scratchFolder: ${JSON.stringify(scratchFolder)} }).pid)`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', program])
  const [pid] = await once(parent.stdout, 'data')
  expect(isGroupAlive(Number(pid))).toBe(true)
  parent.kill('SIGKILL')
  await vi.waitUntil(() => !isGroupAlive(Number(pid)), { timeout: COLLECTED_MS })
  expect(existsSync(scratchFolder)).toBe(false)
})

test('stop ends even a child that ignores it', async () => {
  const scratchFolder = temporaryFolder()
  const child = startChild({
    command: 'sh',
    args: ['-c', STUBBORN],
    environment: process.env,
    scratchFolder,
  })
  await child.stop()
  await vi.waitUntil(() => !isGroupAlive(child.pid), { timeout: COLLECTED_MS })
  expect(existsSync(scratchFolder)).toBe(false)
})

test('a child that ends before it answers says why', async () => {
  const child = startChild({
    command: 'sh',
    args: ['-c', 'echo no Java >&2; exit 1'],
    environment: process.env,
    scratchFolder: temporaryFolder(),
  })
  await expect(untilAnswers(child, 'http://127.0.0.1:1', 10_000)).rejects.toThrow('no Java')
})

function isGroupAlive(leader: number): boolean {
  try {
    process.kill(-leader, 0)
    return true
  } catch {
    return false
  }
}
