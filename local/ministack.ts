import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { freePort, startChild, untilAnswers } from './child-service.ts'

/** How MiniStack is to run. */
export interface MiniStackOptions {
  /** The services to serve, such as `s3`; undefined for all it has. */
  readonly services: readonly string[] | undefined
  /** `enforced`: signatures, roles and bucket policies count, as they do on AWS. */
  readonly access: 'open' | 'enforced'
  readonly protocol: 'http' | 'https'
  /** More variables for it and for the Lambdas it runs. */
  readonly environment?: Readonly<Record<string, string>>
}

/** A running MiniStack. */
export interface MiniStack {
  readonly endpoint: string
  /** Its certificate authority, for NODE_EXTRA_CA_CERTS and AWS_CA_BUNDLE; undefined over plain HTTP. */
  readonly certificateFile: string | undefined
  /** Everything it and its Lambdas write; gone when it has ended. */
  readonly scratchFolder: string
  /** Resolves with the end of what it said on stderr once it is gone. */
  readonly exited: Promise<string>
  stop(): Promise<void>
}

const VERSION = '1.5.33'
const CACHE = fileURLToPath(new URL('../.cache/', import.meta.url))
const PACKAGE_FOLDER = join(CACHE, `ministack-${VERSION}`)
const START_MS = 30_000

const run = promisify(execFile)

/**
 * Starts MiniStack, an emulator of AWS, on a free port of the loopback interface; it keeps everything in memory. The first
 * start installs it from PyPI into the ignored folder `.cache`.
 *
 * Rejects with what is missing: Python 3, its venv module, for https openssl; or when it cannot be installed or started.
 */
export async function startMiniStack(options: MiniStackOptions): Promise<MiniStack> {
  await install()
  if (options.protocol === 'https') await need('openssl', ['version'], 'openssl, which makes its certificate')
  const port = await freePort()
  // Outside the project: in a `"type": "module"` tree its Lambdas die, and they would find our node_modules.
  const scratchFolder = await mkdtemp(join(tmpdir(), 'ministack-'))
  const child = startChild({
    command: join(PACKAGE_FOLDER, 'bin', 'python'),
    args: ['-m', 'ministack'],
    environment: environmentOf(options, port, scratchFolder),
    scratchFolder,
  })
  const certificateFile =
    options.protocol === 'https' ? join(scratchFolder, 'ministack-tls', 'server.crt') : undefined
  const endpoint = `${options.protocol}://127.0.0.1:${port}`
  await untilAnswers(child, `${endpoint}/_ministack/health`, START_MS)
  return { endpoint, certificateFile, scratchFolder, exited: child.exited, stop: child.stop }
}

function environmentOf(options: MiniStackOptions, port: number, scratchFolder: string): NodeJS.ProcessEnv {
  return {
    // The Lambdas run on whatever `node` comes first.
    PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
    HOME: scratchFolder,
    TMPDIR: scratchFolder,
    STATE_DIR: join(scratchFolder, 'state'),
    S3_DATA_DIR: join(scratchFolder, 's3'),
    BIND_HOST: '127.0.0.1',
    GATEWAY_PORT: String(port),
    LOG_LEVEL: 'WARNING',
    ...(options.services === undefined ? {} : { SERVICES: options.services.join() }),
    ...(options.access === 'enforced' ? { AUTH: 'true' } : {}),
    ...(options.protocol === 'https' ? { USE_SSL: '1' } : {}),
    ...options.environment,
  }
}

/** Installs into a folder of our own first: two processes may begin at once, and one may be killed half-way. */
async function install(): Promise<void> {
  if (existsSync(PACKAGE_FOLDER)) return
  await need('python3', ['--version'], 'Python 3 as python3')
  await need('python3', ['-c', 'import venv, ensurepip'], "Python's venv module (on Debian: python3-venv)")
  await mkdir(CACHE, { recursive: true })
  const unfinished = await mkdtemp(join(CACHE, 'unfinished-'))
  try {
    await run('python3', ['-m', 'venv', unfinished])
    await run(join(unfinished, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', `ministack==${VERSION}`])
    await rename(unfinished, PACKAGE_FOLDER).catch((error: unknown) => {
      if (!existsSync(PACKAGE_FOLDER)) throw error
    })
  } catch (cause) {
    throw new Error(`MiniStack cannot be installed version=${VERSION}`, { cause })
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
}

/** Rejects, in words, unless the command succeeds. */
async function need(command: string, args: readonly string[], what: string): Promise<void> {
  await run(command, args).catch((cause: unknown) => {
    throw new Error(`MiniStack needs ${what}`, { cause })
  })
}
