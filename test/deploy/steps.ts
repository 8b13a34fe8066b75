import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { CREDENTIALS, type Deployment, deploy, REGION } from '../../local/deployment.ts'
import type { LocalAws } from '../../local/local-aws.ts'
import { STRATOLOG } from '../support/dev-process.ts'
import { type Api, apiAs } from './api.ts'
import type { Iam, Policy } from './iam.ts'
import { runProgram } from './run-program.ts'
import type { Caller, Curl, CurlAnswer } from './signed-curl.ts'

/** A deployment, and who may call it. */
export interface Subject {
  readonly aws: LocalAws
  readonly deployment: Deployment
  readonly curl: Curl
  readonly iam: Iam
  readonly caller: Caller
  /** Ends a deployment that is under way. */
  readonly signal: AbortSignal
}

/** Another in each run: what was deployed before the run may hold some already. */
export const TOPIC = `orders-${Date.now()}`
const LARGE_BYTES = 700_000

/** Creates the topic, and produces and reads a record as JSON. */
export async function callWithCurl(subject: Subject): Promise<void> {
  const api = apiAs(subject.caller, subject.deployment, subject.curl)
  const topics = [{ name: TOPIC, numPartitions: 1, replicationFactor: 3 }]
  assert.equal(json(await api.post('/v1/create-topics', { topics })).topics[0].errorCode, 0)
  const produced = json(await api.post(`/topics/${TOPIC}`, { records: [{ key: 'en', value: 'hello' }] }))
  assert.deepEqual(produced.offsets[0].offset, 0)
  const records = json(await api.get(`/topics/${TOPIC}/partitions/0/records?offset=0`))
  assert.deepEqual(
    records.map(({ key, value }: { key: unknown; value: unknown }) => ({ key, value })),
    [{ key: 'en', value: 'hello' }],
  )
}

/** Describes, produces and consumes with the command line, which signs by itself. */
export async function callWithCommandLine(subject: Subject): Promise<void> {
  const cli = (args: readonly string[], input = '') => {
    const environment = commandLineEnvironment(subject)
    return runProgram(process.execPath, [STRATOLOG, ...args], { input, environment })
  }
  assert.match(String(await cli(['topic', 'describe', TOPIC])), new RegExp(TOPIC))
  assert.equal(String(await cli(['produce', TOPIC], 'from the command line\n')).trim(), '0 1')
  const consumed = String(await cli(['consume', TOPIC, '-e', '-f', '%o %v\n']))
  assert.equal(consumed, '0 "hello"\n1 from the command line\n')
}

/** A small batch and one of nearly a megabyte, in and out as they are. */
export async function callWithFrames(subject: Subject): Promise<void> {
  const api = apiAs(subject.caller, subject.deployment, subject.curl)
  const large = randomBytes(LARGE_BYTES).toString('base64')
  assert.equal(row(await api.produceFrame(TOPIC, 'small')).baseOffset, 2)
  assert.equal(row(await api.produceFrame(TOPIC, large)).baseOffset, 3)
  assert.deepEqual(await api.fetchFrame(TOPIC, 2), ['small', large])
}

/** Refused at the door: no signature, a wrong one, one of a stranger, and a reader's produce. */
export async function callWithoutRight(subject: Subject): Promise<void> {
  const { deployment, curl, caller, iam } = subject
  const statusFor = async (as: Caller | undefined) =>
    (await apiAs(as, deployment, curl).get('/topics')).status
  assert.equal(await statusFor(caller), 200)
  assert.equal(await statusFor(undefined), 403, 'unsigned')
  assert.equal(await statusFor({ ...caller, secretAccessKey: 'wrong' }), 403, 'wrong secret')
  assert.equal(await statusFor({ ...caller, accessKeyId: 'AKIA0000000000000000' }), 403, 'unknown key')
  const reader = await iam.newCaller(`reader-${Date.now()}`, { ...deployment, allow: 'POST/v1/fetch' })
  const asReader = apiAs(reader, deployment, curl)
  assert.equal((await asReader.fetchFrame(TOPIC, 0)).length, 4)
  assert.equal((await asReader.produceFrame(TOPIC, 'of a reader')).status, 403, 'produce of a reader')
}

/** Takes each of these grants from the role of produce in turn: a produce says so, and has no effect. */
export async function produceWithoutGrant(subject: Subject): Promise<void> {
  const { iam } = subject
  const api = apiAs(subject.caller, subject.deployment, subject.curl)
  const { roleName, policy } = await iam.roleOf('Stratolog-ProduceRole')
  const before = await api.fetchFrame(TOPIC, 0)
  for (const action of ['s3:PutObject', 'dynamodb:UpdateItem']) {
    await iam.putRolePolicy(roleName, without(policy, action))
    try {
      await assertRefused(api, action)
    } finally {
      await iam.putRolePolicy(roleName, policy)
    }
    assert.deepEqual(await api.fetchFrame(TOPIC, 0), before, `produce without ${action} had an effect`)
  }
  assert.equal(row(await api.produceFrame(TOPIC, 'with the grant')).baseOffset, before.length)
}

async function assertRefused(api: Api, action: string): Promise<void> {
  const answer = await api.produceFrame(TOPIC, `without ${action}`)
  const refused = answer.status === 200 ? row(answer) : json(answer)
  assert.ok(refused.errorName ?? refused.kafka_error, `produce without ${action} answer=${answer.body}`)
  assert.equal(refused.effect, 'none', `produce without ${action} answer=${answer.body}`)
}

/** Deploys another configuration, which replaces the functions: what was produced is still there, and goes on. */
export async function redeploy(subject: Subject): Promise<void> {
  const before = await apiAs(subject.caller, subject.deployment, subject.curl).fetchFrame(TOPIC, 0)
  const deployment = await deploy(subject.aws, {
    args: ['-c', 'config=num.partitions=2'],
    signal: subject.signal,
  })
  assert.equal(deployment.endpoint, subject.deployment.endpoint)
  const api = apiAs(subject.caller, deployment, subject.curl)
  assert.deepEqual(await api.fetchFrame(TOPIC, 0), before)
  assert.equal(row(await api.produceFrame(TOPIC, 'after')).baseOffset, before.length)
  const topics = [{ name: `${TOPIC}-after`, numPartitions: -1, replicationFactor: -1 }]
  const created = json(await api.post('/v1/create-topics', { topics }))
  assert.equal(created.topics[0].numPartitions, 2, 'the new configuration is not in force')
}

/** The policy without this action. */
function without(policy: Policy, action: string): Policy {
  const Statement = policy.Statement.map((statement) => ({
    ...statement,
    Action: [statement.Action].flat().filter((each) => each !== action),
  })).filter(({ Action }) => Action.length > 0)
  return { ...policy, Statement }
}

/** What the command line needs to be in the environment to call the deployment as the caller. */
export function commandLineEnvironment({ aws, deployment, caller }: Subject): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    STRATOLOG_ENDPOINT: deployment.endpoint,
    STRATOLOG_AUTH: 'iam',
    AWS_REGION: REGION,
    ...CREDENTIALS,
    AWS_ACCESS_KEY_ID: caller.accessKeyId,
    AWS_SECRET_ACCESS_KEY: caller.secretAccessKey,
    ...(aws.certificateFile === undefined ? {} : { NODE_EXTRA_CA_CERTS: aws.certificateFile }),
  }
}

/** The answer for the one partition that was produced to. */
function row(answer: CurlAnswer) {
  return json(answer).topics[0].partitions[0]
}

/** An answer's JSON. */
// biome-ignore lint/suspicious/noExplicitAny: each assertion says what it expects to be there
export function json({ status, body }: CurlAnswer): any {
  try {
    return JSON.parse(String(body))
  } catch {
    throw new Error(`answer is not JSON status=${status} body=${body}`)
  }
}
