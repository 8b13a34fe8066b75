/**
 * What a Lambda's code adds to a cold start: bundle size, and the time to import it in a fresh process, beside an empty
 * handler with the same two SDK clients. Starts alternate, so that a busy machine slows them all alike; medians are compared.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { App } from 'aws-cdk-lib'
import { build } from 'esbuild'
import { readSettings } from '../cdk/settings.ts'
import { StratologStack } from '../cdk/stratolog-stack.ts'
import { parseOptions } from './parse-options.ts'

interface Bundle {
  readonly name: string
  readonly file: string
}

interface Result {
  readonly name: string
  readonly bytes: number
  readonly medianMs: number
  /** Of the median to that of the empty handler. */
  readonly ratio: number
}

/** The most that the whole of a Lambda's code may take of the time of its SDK clients. */
const AIM = 1.3

const EMPTY_HANDLER = `
  import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
  import { S3Client } from '@aws-sdk/client-s3'
  const clients = [new DynamoDBClient(), new S3Client()]
  export const handler = async () => clients.length`

const ENVIRONMENT = { AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x' }

const run = promisify(execFile)

/** The Lambdas as they are deployed. */
async function bundledLambdas(folder: string): Promise<Bundle[]> {
  const app = new App({ outdir: folder })
  const stack = new StratologStack(app, 'Stratolog', { settings: readSettings(() => undefined, undefined) })
  app.synth()
  const template = await readFile(join(folder, stack.templateFile), 'utf8')
  const { Resources } = JSON.parse(template) as {
    Resources: Record<string, { Type: string; Properties: { Description: string; Code: { S3Key: string } } }>
  }
  return Object.values(Resources)
    .filter(({ Type }) => Type === 'AWS::Lambda::Function')
    .map(({ Properties: { Description, Code } }) => ({
      name: Description.replace('Stratolog: ', ''),
      file: join(folder, `asset.${Code.S3Key.replace('.zip', '')}`, 'index.mjs'),
    }))
}

async function emptyBundle(folder: string): Promise<Bundle> {
  const file = join(folder, 'empty', 'index.mjs')
  await build({
    stdin: { contents: EMPTY_HANDLER, resolveDir: import.meta.dirname },
    outfile: file,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    minify: true,
    banner: {
      js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);",
    },
  })
  return { name: 'empty', file }
}

/** Milliseconds to import a bundle in a process of its own. */
async function importMs({ file }: Bundle): Promise<number> {
  const url = JSON.stringify(pathToFileURL(file).href)
  const script = `const from = performance.now(); await import(${url}); console.log(performance.now() - from); process.exit()`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { env: ENVIRONMENT })
  return Number(stdout)
}

async function measure(bundles: readonly Bundle[], starts: number): Promise<Result[]> {
  const times = new Map(bundles.map(({ name }) => [name, [] as number[]]))
  for (let start = 0; start < starts; start += 1) {
    for (const bundle of bundles) times.get(bundle.name)?.push(await importMs(bundle))
  }
  const emptyMs = median(times.get('empty') ?? [])
  return Promise.all(
    bundles.map(async ({ name, file }) => {
      const medianMs = median(times.get(name) ?? [])
      return { name, bytes: (await stat(file)).size, medianMs, ratio: medianMs / emptyMs }
    }),
  )
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

function print(results: readonly Result[]): void {
  console.log('FUNCTION  BUNDLE KB  IMPORT MS  RATIO')
  for (const { name, bytes, medianMs, ratio } of results) {
    const columns = [String(Math.round(bytes / 1024)).padStart(9), medianMs.toFixed(1).padStart(9)]
    console.log(`${name.padEnd(8)}  ${columns.join('  ')}  ${ratio.toFixed(2).padStart(5)}`)
  }
  console.log(`aim: at most ${AIM}`)
}

const values = parseOptions('npm run bench:cold-start -- [--json] [--starts 20]', {
  json: { type: 'boolean', default: false },
  starts: { type: 'string', default: '20' },
})
const folder = await mkdtemp(join(tmpdir(), 'cold-start-'))
try {
  const bundles = [await emptyBundle(folder), ...(await bundledLambdas(folder))]
  const results = await measure(bundles, Number(values.starts))
  if (values.json) console.log(JSON.stringify({ aim: AIM, results }))
  else print(results)
} finally {
  await rm(folder, { recursive: true, force: true })
}
