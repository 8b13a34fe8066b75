import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FOLDER, isListening, type LocalAws } from './local-aws.ts'

/** What was deployed, and how it is called. */
export interface Deployment {
  /** The API's address, for STRATOLOG_ENDPOINT. */
  readonly endpoint: string
  readonly apiId: string
  /** The bucket of storage node i. */
  readonly nodeBuckets: readonly string[]
  /** CloudFormation resources of the stack. */
  readonly resourceCount: number
}

/** How the CDK command line is run. */
export interface CdkOptions {
  /** Given to `cdk deploy` besides, such as `-c`, `config=…`. */
  readonly args?: readonly string[]
  /** Ends what is under way. */
  readonly signal: AbortSignal
}

/** Any will do: who has these two is root of the local AWS. */
export const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' } as const
export const REGION = 'us-east-1'
const ACCOUNT = '000000000000'
const PROJECT = fileURLToPath(new URL('..', import.meta.url))
const CDK = fileURLToPath(new URL('./bin/cdk', import.meta.resolve('aws-cdk/package.json')))
const STACK = 'Stratolog'
/** Not the folder of `npm run synth`, which may run at the same time. */
const ASSEMBLY = join(FOLDER, 'cdk.out')
const OUTPUTS = join(FOLDER, 'outputs.json')
const CDK_MS = 300_000
const PROGRESS_MS = 10_000
const CONTEXT = ['-c', 'storageClass=standard', '-c', 'removal=destroy']

/** Deploys the stack, or what changed of it. Rejects with all that CDK said when it fails. */
export async function deploy(aws: LocalAws, { args = [], signal }: CdkOptions): Promise<Deployment> {
  if (!(await isListening(aws.endpoint))) throw new Error(`nothing listens at endpoint=${aws.endpoint}`)
  await mkdir(FOLDER, { recursive: true })
  await cdk(aws, ['bootstrap', `aws://${ACCOUNT}/${REGION}`, ...CONTEXT], signal)
  const unasked = ['--require-approval', 'never', '--outputs-file', OUTPUTS]
  await cdk(aws, ['deploy', ...CONTEXT, ...args, ...unasked], signal)
  const outputs = JSON.parse(await readFile(OUTPUTS, 'utf8'))
  const deployedAt = new URL(outputs[STACK].Endpoint)
  const apiId = deployedAt.hostname.split('.')[0] ?? ''
  const template = JSON.parse(await readFile(join(ASSEMBLY, `${STACK}.template.json`), 'utf8'))
  return {
    endpoint: addressOf(aws, deployedAt, apiId),
    apiId,
    nodeBuckets: bucketsOf(outputs[STACK].NodeBuckets),
    resourceCount: Object.keys(template.Resources).length,
  }
}

/** Deletes the stack and all it holds. */
export async function destroy(aws: LocalAws, { signal }: CdkOptions): Promise<void> {
  await mkdir(FOLDER, { recursive: true })
  await cdk(aws, ['destroy', ...CONTEXT, '--force'], signal)
  await Promise.all([ASSEMBLY, OUTPUTS].map((path) => rm(path, { recursive: true, force: true })))
}

/** `zone=bucket,zone=bucket` */
function bucketsOf(output: string): readonly string[] {
  return output.split(',').map((node) => node.slice(node.indexOf('=') + 1))
}

/** The name of LocalStack's API resolves everywhere; that of MiniStack's does not, and its certificate lacks it. */
function addressOf(aws: LocalAws, deployedAt: URL, apiId: string): string {
  if (!deployedAt.hostname.endsWith('.localstack.cloud')) return `${aws.endpoint}/_aws/execute-api/${apiId}`
  const { protocol, port } = new URL(aws.endpoint)
  return `${protocol}//${deployedAt.hostname}:${deployedAt.port || port}`
}

async function cdk(aws: LocalAws, args: readonly string[], given: AbortSignal): Promise<void> {
  const [command = ''] = args
  const startedAtMs = Date.now()
  const seconds = () => `${((Date.now() - startedAtMs) / 1000).toFixed(1)} s`
  const progress = setInterval(() => say(`${command}: at it for ${seconds()}`), PROGRESS_MS)
  const signal = AbortSignal.any([given, AbortSignal.timeout(CDK_MS)])
  const child = spawn(process.execPath, [CDK, ...args, '--output', ASSEMBLY], {
    cwd: PROJECT,
    env: cdkEnvironment(aws),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  // With the program of the stack and the bundler, which it started: they form a group.
  const kill = () => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL')
  signal.addEventListener('abort', kill)
  const said: Buffer[] = []
  for (const output of [child.stdout, child.stderr]) output.on('data', (chunk: Buffer) => said.push(chunk))
  try {
    const [exitCode] = await once(child, 'close')
    signal.throwIfAborted()
    if (exitCode !== 0) throw new Error(`cdk ${command} failed exit=${exitCode}`)
    say(`${command}: ${seconds()}`)
  } catch (cause) {
    throw new Error(`cdk ${command} failed after ${seconds()}\n${Buffer.concat(said)}`, { cause })
  } finally {
    clearInterval(progress)
    signal.removeEventListener('abort', kill)
  }
}

/** Nothing of the user's own AWS: neither credentials, nor profiles, nor endpoints. */
function cdkEnvironment(aws: LocalAws): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(?:AWS|CDK)_/.test(name))
  return {
    ...Object.fromEntries(own),
    ...CREDENTIALS,
    PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
    AWS_REGION: REGION,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: join(FOLDER, 'none'),
    AWS_SHARED_CREDENTIALS_FILE: join(FOLDER, 'none'),
    AWS_ENDPOINT_URL: aws.endpoint,
    ...(aws.certificateFile === undefined ? {} : { AWS_CA_BUNDLE: aws.certificateFile }),
    // It keeps there which account a key belongs to.
    CDK_HOME: join(FOLDER, 'cdk'),
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
