import { CREDENTIALS, type Deployment, deploy, destroy, REGION } from './deployment.ts'
import { findLocalAws, type LocalAws, startLocalAws, stopLocalAws } from './local-aws.ts'

/** `npm run deploy:local` and `npm run destroy:local`. */
const [command, ...args] = process.argv.slice(2)
const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort(new Error(name)))
const { signal } = stop
try {
  if (command === 'deploy') await deployLocal()
  else if (command === 'destroy') await destroyLocal()
  else throw new Error('usage: node local/deploy.ts deploy [args of cdk deploy] | destroy')
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : error}\n`)
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause !== error) process.stderr.write(`  because ${cause.message}\n`)
  }
  process.exitCode = 1
}

async function deployLocal(): Promise<void> {
  const aws = (await findLocalAws(process.env)) ?? (await start())
  process.stdout.write(summary(aws, await deploy(aws, { args, signal })))
}

async function start(): Promise<LocalAws> {
  process.stdout.write('MiniStack: starting; the first time installs it\n')
  const aws = await startLocalAws('background')
  process.stdout.write(`MiniStack: pid=${aws.miniStack?.pid} ${aws.endpoint}\n`)
  return aws
}

/** What MiniStack holds goes with it, even where it cannot be removed before. */
async function destroyLocal(): Promise<void> {
  const aws = await findLocalAws(process.env)
  if (aws === undefined) process.stdout.write('no local AWS runs\n')
  try {
    if (aws !== undefined) await destroy(aws, { signal })
  } finally {
    if (aws?.miniStack !== undefined) process.stdout.write(`MiniStack: stopping pid=${aws.miniStack.pid}\n`)
    if (aws === undefined || aws.miniStack !== undefined) await stopLocalAws()
  }
}

/** What a shell needs to call it. */
function summary(aws: LocalAws, { endpoint, resourceCount }: Deployment): string {
  const certificate = aws.certificateFile
  const variables = Object.entries({
    STRATOLOG_ENDPOINT: endpoint,
    STRATOLOG_AUTH: 'iam',
    AWS_REGION: REGION,
    ...CREDENTIALS,
    ...(certificate === undefined ? {} : { NODE_EXTRA_CA_CERTS: certificate }),
  })
  const trust = certificate === undefined ? '' : `--cacert "$NODE_EXTRA_CA_CERTS" `
  return `
deployed resources=${resourceCount}
API  ${endpoint}
CA   ${certificate ?? 'none: plain HTTP'}

${variables.map(([name, value]) => `export ${name}=${value}`).join('\n')}

npx stratolog topic create orders
curl ${trust}--aws-sigv4 aws:amz:${REGION}:execute-api --user test:test "$STRATOLOG_ENDPOINT/topics"

npm run destroy:local removes it.
`
}
