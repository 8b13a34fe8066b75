import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import { parseClusterConfigs } from '../shared/protocol/cluster-configs.ts'
import { CommandError } from './context.ts'
import { integer, keyValue } from './options.ts'

interface DevOptions {
  readonly port: number
  readonly dataDir: string
  readonly inMemory?: true
  readonly aws?: 'environment' | 'emulators'
  readonly nodes?: number
  readonly durability: 'process' | 'disk'
  readonly config?: Readonly<Record<string, string>>
}

const LOOPBACK = '127.0.0.1'
/** The service drains for 5 s when told to stop; this is how long its stores may then take to close. */
const STOP_MS = 7000
/** More would only be slow: they are all folders of one disk. */
const MAX_NODES = 100

/** Adds `stratolog dev`. */
export function addDevCommand(program: Command): void {
  program
    .command('dev')
    .description('run the service on this machine')
    .option('--port <n>', 'port to listen on; 0 takes a free one', integer(0, 65_535), 8082)
    .option('--data-dir <path>', 'where records are kept', '.stratolog')
    .addOption(new Option('--in-memory', 'keep nothing on disk').conflicts('dataDir'))
    .addOption(
      new Option(
        '--aws [where]',
        'keep records in AWS, as the environment says, or in emulators that end with the service',
      )
        .choices(['environment', 'emulators'])
        .preset('environment')
        .conflicts(['dataDir', 'inMemory', 'durability']),
    )
    .option(
      '--nodes <n>',
      'number of storage nodes (default: as many as the data folder has, 3 for a new one)',
      integer(1, MAX_NODES),
    )
    .addOption(
      new Option(
        '--durability <what>',
        'what acknowledged records survive: the death of the process, or of the machine',
      )
        .choices(['process', 'disk'])
        .default('process'),
    )
    .option('-c, --config <key=value>', 'config of the cluster; repeatable', keyValue)
    .configureHelp({ showGlobalOptions: false }) // they are for commands that call a service
    .action((options: DevOptions, command: Command) => dev(options, command))
}

async function dev(options: DevOptions, command: Command): Promise<void> {
  const { port, durability, aws } = options
  const dataDirectory = options.inMemory ? undefined : options.dataDir
  const { defaultNodes } = await import('../local/default-nodes.ts')
  const nodes = options.nodes ?? defaultNodes(aws === undefined ? dataDirectory : undefined)
  const configs = options.config ?? {}
  if (aws !== 'environment') checkConfigs(configs, nodes, command)
  await checkPort(port) // before a data folder is made, or emulators are started, that nobody will use
  const stopEmulators = aws === 'emulators' ? await startEmulators(nodes) : undefined
  const { startLocalServer } = await import('../local/server.ts')
  const store =
    aws === undefined ? { dataDirectory, nodes, durability, configs } : { store: 'aws' as const, configs }
  const server = await startLocalServer({ port, ...store }).catch(async (error: unknown) => {
    await stopEmulators?.()
    throw error
  })
  const data = aws === undefined ? (dataDirectory ?? 'memory') : `aws ${aws}`
  process.stdout.on('error', () => {}) // nobody reads the first line: not a reason to stop serving
  process.stdout.write(
    `stratolog pid=${process.pid} listening on http://127.0.0.1:${server.port} data=${data} nodes=${server.nodes}\n`,
  )
  await toldToStop()
  const drained = server.close().then(() => 'drained' as const)
  const end = await Promise.race([drained, sleep(STOP_MS, 'late' as const, { ref: false })])
  if (end === 'late') process.stderr.write(`the service did not close in time stopMs=${STOP_MS}\n`)
  await stopEmulators?.()
}

/** Starts emulators of AWS and makes the environment name them; answers what stops them. */
async function startEmulators(nodes: number): Promise<() => Promise<void>> {
  process.stderr.write('starting emulators of DynamoDB and S3, the first time MiniStack is installed too\n')
  const emulators = await (await import('../local/emulators.ts')).startEmulators({ nodes })
  Object.assign(process.env, emulators.environment)
  return emulators.stop
}

function checkConfigs(configs: Readonly<Record<string, string>>, nodes: number, command: Command): void {
  try {
    parseClusterConfigs(configs, nodes)
  } catch (error) {
    command.error(
      `error: option '-c, --config <key=value>': ${error instanceof Error ? error.message : error}`,
    )
  }
}

/** Takes the port for a moment. Another program may take it right after; then the service itself says so. */
async function checkPort(port: number): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: Error & { code?: string }) => {
      const fact = cause.code === 'EADDRINUSE' ? 'port is in use' : 'cannot listen on port'
      reject(new CommandError(`${fact} port=${port}`, { cause }))
    })
    server.listen(port, LOOPBACK, resolve)
  })
  await new Promise<void>((resolve) => server.close(() => resolve()))
}

function toldToStop(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve())
    process.once('SIGINT', () => resolve())
  })
}
