import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { deploy, destroy } from '../../local/deployment.ts'
import {
  FOLDER,
  findLocalAws,
  isListening,
  type LocalAws,
  startLocalAws,
  stopLocalAws,
} from '../../local/local-aws.ts'
import { missingPrograms } from '../support/programs.ts'
import { recoverLostObjects, recoverRenamedNode, tickOfController } from './background-steps.ts'
import { groupWithoutGrant, tourWithGroup } from './group-steps.ts'
import { newIam } from './iam.ts'
import { KINDS, leftovers } from './leftovers.ts'
import { newCurl } from './signed-curl.ts'
import {
  callWithCommandLine,
  callWithCurl,
  callWithFrames,
  callWithoutRight,
  produceWithoutGrant,
  redeploy,
} from './steps.ts'

/** `npm run test:deploy`: a line for each thing that was shown, and all of the first that was not. */
const NAME = 'the deployment on a local AWS'
const TIMEOUT_MS = 240_000
/** Members of a new group are not waited for: there is one. */
const NO_DELAY = ['-c', 'config=group.initial.rebalance.delay.ms=0']

const missing = missingPrograms(process.env.AWS_ENDPOINT_URL ? ['curl'] : ['python3', 'openssl', 'curl'])
if (missing.length > 0) {
  process.stderr.write(`SKIPPED ${NAME}: needs ${missing.join(' and ')}\n`)
  process.exit(process.env.CI === 'true' ? 1 : 0)
}

let doing = ''
const stop = new AbortController()
const { signal } = stop
setTimeout(() => stop.abort(new Error(`took too long timeoutMs=${TIMEOUT_MS}`)), TIMEOUT_MS).unref()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort(new Error(name)))
const stopped = new Promise<never>((_, reject) => {
  signal.addEventListener('abort', () => reject(signal.reason))
})
try {
  await Promise.race([run(), stopped])
} catch (error) {
  process.stderr.write(`not ok ${doing}\n${error instanceof Error ? error.stack : error}\n`)
  process.exitCode = 1
  if (!process.env.AWS_ENDPOINT_URL) await stopLocalAws()
}
process.exit()

async function run(): Promise<void> {
  const aws = await step(
    'a local AWS',
    async () => (await findLocalAws(process.env)) ?? startLocalAws('process'),
  )
  const deployment = await step('deployed', () => deploy(aws, { args: NO_DELAY, signal }))
  process.stdout.write(`   resources=${deployment.resourceCount}\n`)
  const { name, curl } = await newCurl(aws)
  assert.deepEqual(await leftovers(aws, curl), KINDS)
  const iam = newIam(aws, curl)
  const caller = await step('a caller that may call the API and nothing else', () =>
    iam.newCaller(`caller-${Date.now()}`, { ...deployment, allow: '*' }),
  )
  const subject = { aws, deployment, curl, iam, caller, signal }
  await step(`${name} creates a topic, produces and reads JSON`, () => callWithCurl(subject))
  await step('the command line describes, produces and consumes', () => callWithCommandLine(subject))
  await step('batches in binary frames come back as they were', () => callWithFrames(subject))
  await step('a group joins, commits, falls behind, catches up and is deleted', () => tourWithGroup(subject))
  await step('the controller looks at the cluster', () => tickOfController(subject))
  if (aws.miniStack !== undefined) {
    await step('who is not allowed to call is refused', () => callWithoutRight(subject))
    await step('a function without a grant refuses, without effect', () => produceWithoutGrant(subject))
    await step('so does that of groups', () => groupWithoutGrant(subject))
  }
  await step('a storage node that is not what it was is found out and filled again', () =>
    recoverRenamedNode(subject),
  )
  await step('objects that a fetch misses are copied back', () => recoverLostObjects(subject))
  await step('records survive a deployment', () => redeploy(subject))
  await step('after the removal no resource is left', async () => {
    await destroy(aws, { signal })
    assert.deepEqual(await leftovers(aws, curl), [])
  })
  if (aws.miniStack !== undefined) await step('no process and no file is left', () => stopMiniStack(aws))
}

async function stopMiniStack({ endpoint, miniStack }: LocalAws): Promise<void> {
  await stopLocalAws()
  assert.equal(existsSync(FOLDER), false)
  assert.equal(existsSync(miniStack?.scratchFolder ?? ''), false)
  assert.equal(await isListening(endpoint), false)
}

async function step<T>(what: string, act: () => Promise<T>): Promise<T> {
  doing = what
  const startedAtMs = Date.now()
  const value = await act()
  process.stdout.write(`ok ${what} (${((Date.now() - startedAtMs) / 1000).toFixed(1)} s)\n`)
  return value
}
