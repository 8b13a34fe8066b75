import * as z from 'zod'
import { nodeCodecs } from '../shared/codecs/node-codecs.ts'
import { type EmbeddedStores, openDataDirectory, openInMemory } from '../shared/embedded/data-directory.ts'
import { parseClusterConfigs } from '../shared/protocol/cluster-configs.ts'
import { LIMITS } from '../shared/protocol/limits.ts'
import { bootCluster } from '../shared/service/boot-cluster.ts'
import { newCaches } from '../shared/service/caches.ts'
import { finishDeletions } from '../shared/service/delete-topics.ts'
import type { Clock, Deps, Logger } from '../shared/service/deps.ts'
import type { AccessPolicy } from './access-policy.ts'
import { giveWay } from './give-way.ts'

/** What the local service is made of. */
export interface EmbeddedOptions {
  /** Where everything is kept; undefined keeps it in memory, for as long as the process lives. */
  readonly dataDirectory: string | undefined
  /** Storage nodes to emulate. */
  readonly nodes: number
  /** `process` survives the end of the process, `disk` the loss of power. */
  readonly durability: 'process' | 'disk'
  /** Cluster configs by name; they go before those of STRATOLOG_CONFIG. */
  readonly configs: Readonly<Record<string, string>>
}

/** Deps on the embedded store, whom the door lets in, and how to close the store. */
export interface Embedded {
  readonly deps: Deps
  readonly policy: AccessPolicy
  close(): void
}

/** The longest a fetch waits in the local service, where waiting costs nothing. */
const MAX_FETCH_WAIT_MS = 20_000
/** In dev nobody waits for more members of a group to arrive. */
const DEV_CONFIGS = { 'group.initial.rebalance.delay.ms': '0' }

/**
 * Opens the embedded store, makes or finds its cluster, and puts the service's dependencies together.
 *
 * @throws KafkaError INVALID_CONFIG when a cluster config is not one, or the data directory was made with more nodes
 * @throws KafkaError KAFKA_STORAGE_ERROR when the data directory is in use or cannot be read
 */
export async function embeddedDeps(options: EmbeddedOptions): Promise<Embedded> {
  const environment = parseEnvironment(process.env)
  const given = { ...DEV_CONFIGS, ...environment.configs, ...options.configs }
  const configs = parseClusterConfigs(given, options.nodes)
  const stores = openStores(options)
  try {
    const { documents, nodes } = stores
    const { clusterId } = await bootCluster({ documents, nodes, clock: systemClock, randomBytes })
    const deps: Deps = {
      clusterId,
      documents,
      nodes,
      codecs: nodeCodecs,
      clock: systemClock,
      randomBytes,
      configs,
      limits: LIMITS,
      maxFetchWaitMs: MAX_FETCH_WAIT_MS,
      caches: newCaches(),
      log: stderrLogger,
    }
    await finishDeletions(deps)
    const policy: AccessPolicy = { hosts: 'loopback', corsOrigins: environment.corsOrigins }
    return { deps, policy, close: () => stores.close() }
  } catch (error) {
    stores.close()
    throw error
  }
}

function openStores({ dataDirectory, nodes, durability }: EmbeddedOptions): EmbeddedStores {
  return dataDirectory === undefined
    ? openInMemory({ nodes })
    : openDataDirectory({ path: dataDirectory, nodes, durability })
}

/** `a, b` → ['a', 'b'] */
const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(/[,\n]/)
      .map((entry) => entry.trim())
      .filter((entry) => entry !== ''),
  )

const environmentSchema = z
  .object({
    /** `https://console.example, http://localhost:3000` */
    STRATOLOG_CORS_ORIGINS: list,
    /** `num.partitions=3, min.insync.replicas=1` */
    STRATOLOG_CONFIG: list,
  })
  .transform((environment) => ({
    corsOrigins: environment.STRATOLOG_CORS_ORIGINS,
    configs: Object.fromEntries(environment.STRATOLOG_CONFIG.map(nameAndValue)),
  }))

function parseEnvironment(environment: NodeJS.ProcessEnv): z.infer<typeof environmentSchema> {
  return environmentSchema.parse(environment)
}

function nameAndValue(entry: string): [string, string] {
  const equals = entry.indexOf('=')
  return equals < 0 ? [entry, ''] : [entry.slice(0, equals).trim(), entry.slice(equals + 1).trim()]
}

const systemClock: Clock = {
  nowMs: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) {
        resolve()
        return
      }
      const finish = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', finish)
        resolve()
      }
      const timer = setTimeout(finish, ms)
      signal?.addEventListener('abort', finish)
    }),
  timeout: (ms) => {
    const controller = new AbortController()
    const timer = setTimeout(() => controller.abort(), ms)
    return { signal: controller.signal, cancel: () => clearTimeout(timer) }
  },
  giveWay,
}

function randomBytes(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count))
}

const stderrLogger: Logger = {
  warn: (message, fields) => writeLine('WARN', message, fields),
  error: (message, fields) => writeLine('ERROR', message, fields),
}

function writeLine(level: string, message: string, fields: Readonly<Record<string, unknown>>): void {
  const line = { level, timestamp: new Date().toISOString(), message, ...fields }
  process.stderr.write(`${JSON.stringify(line)}\n`)
}
