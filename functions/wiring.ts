import type { S3Client } from '@aws-sdk/client-s3'
import { nodeCodecs } from '../shared/codecs/node-codecs.ts'
import { type EmbeddedStores, openDataDirectory, openInMemory } from '../shared/embedded/data-directory.ts'
import { type NodeFaults, openNodeFaults } from '../shared/embedded/node-faults.ts'
import { parseClusterConfigs } from '../shared/protocol/cluster-configs.ts'
import { KafkaError } from '../shared/protocol/kafka-error.ts'
import { LIMITS } from '../shared/protocol/limits.ts'
import { bootCluster } from '../shared/service/boot-cluster.ts'
import { newCaches } from '../shared/service/caches.ts'
import { finishDeletions } from '../shared/service/delete-topics.ts'
import type { Deps } from '../shared/service/deps.ts'
import type { AccessPolicy } from './access-policy.ts'
import { parseEnvironment } from './environment.ts'
import { localTasks } from './local-tasks.ts'
import { newEnvironmentId, randomBytes, stderrLogger, systemClock } from './system.ts'

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

/** What the local service over AWS, or an emulator of it, is made of: the environment names table, buckets and endpoints. */
export interface AwsOptions {
  readonly store: 'aws'
  /** Cluster configs by name; they go before those of STRATOLOG_CONFIG. */
  readonly configs: Readonly<Record<string, string>>
}

/** Deps of the local service, whom the door lets in, what befalls its storage nodes, and how to close the store. */
export interface Local {
  readonly deps: Deps
  readonly policy: AccessPolicy
  /** The faults of `deps.nodes`. */
  readonly faults: NodeFaults
  /**
   * Removes everything that a storage node has, in any state of it.
   *
   * @throws KafkaError CLUSTER_AUTHORIZATION_FAILED when it is a bucket of AWS itself
   */
  wipe(nodeId: number): Promise<void>
  /** Ends the background work, waits for what is under way, though not for long, and closes the store. */
  close(): Promise<void>
}

/** The longest a fetch waits in the local service, where waiting costs nothing. */
const MAX_FETCH_WAIT_MS = 20_000
/** How often the controller looks around here, where looking costs nothing. */
const TICK_MS = 5000
/** In dev nobody waits for more members of a group to arrive. */
const DEV_CONFIGS = { 'group.initial.rebalance.delay.ms': '0' }

/**
 * Opens the embedded store, makes or finds its cluster, and puts the service's dependencies together.
 *
 * @throws KafkaError INVALID_CONFIG when a cluster config is not one, or the data directory was made with more nodes
 * @throws KafkaError KAFKA_STORAGE_ERROR when the data directory is in use or cannot be read
 */
export async function embeddedDeps(options: EmbeddedOptions): Promise<Local> {
  const environment = parseEnvironment(process.env)
  const given = { ...DEV_CONFIGS, ...environment.configs, ...options.configs }
  const configs = parseClusterConfigs(given, options.nodes)
  const stores = openStores(options)
  try {
    const { documents } = stores
    const tasks = localTasks()
    const faults = await openNodeFaults(stores)
    const { nodes } = faults
    const { clusterId, changedNodes } = await bootCluster({
      documents,
      nodes,
      clock: systemClock,
      randomBytes,
    })
    const deps: Deps = {
      clusterId,
      documents,
      nodes,
      tasks,
      environmentId: newEnvironmentId(),
      codecs: nodeCodecs,
      clock: systemClock,
      randomBytes,
      configs,
      limits: LIMITS,
      maxFetchWaitMs: MAX_FETCH_WAIT_MS,
      caches: newCaches(),
      log: stderrLogger,
    }
    if (changedNodes.length > 0) await tasks.trigger({ task: 'controller' })
    await finishDeletions(deps)
    tasks.start(deps, TICK_MS)
    const policy: AccessPolicy = { hosts: 'loopback', corsOrigins: environment.corsOrigins }
    const close = async () => {
      await tasks.stop()
      stores.close()
    }
    return { deps, policy, faults, wipe: stores.wipe, close }
  } catch (error) {
    stores.close()
    throw error
  }
}

/**
 * What a Lambda would have, for the local service: it may wait longer, and lets in this machine only.
 *
 * @throws KafkaError INVALID_CONFIG when the environment does not name a table and buckets, or a cluster config is not one
 * @throws KafkaError KAFKA_STORAGE_ERROR when the table cannot be reached, or at the first start a bucket
 */
export async function awsDeps(options: AwsOptions): Promise<Local> {
  const environment = parseEnvironment(process.env)
  const { awsStores, depsOn } = await import('./lambda-deps.ts') // the SDK takes longer to load than all the rest
  const stores = awsStores()()
  const faults = await openNodeFaults(stores)
  const made = await depsOn({ ...stores, nodes: faults.nodes }, 'make')
  const given = { ...DEV_CONFIGS, ...environment.configs, ...options.configs }
  const configs = parseClusterConfigs(given, made.deps.nodes.size)
  const tasks = localTasks()
  const deps: Deps = { ...made.deps, configs, tasks, maxFetchWaitMs: MAX_FETCH_WAIT_MS }
  await finishDeletions(deps)
  tasks.start(deps, TICK_MS)
  return {
    deps,
    policy: { ...made.policy, hosts: 'loopback' },
    faults,
    wipe: (nodeId) => wipeEmulated(stores.s3, stores.nodes.get(nodeId)?.location ?? ''),
    close: () => tasks.stop(),
  }
}

/** Whoever reaches this machine may call `dev`: data that others may need is not given into their hands. */
async function wipeEmulated(s3: S3Client, bucket: string): Promise<void> {
  const endpoint = process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL
  if (endpoint === undefined) {
    const fact = 'only buckets of an emulator can be wiped, set AWS_ENDPOINT_URL'
    throw new KafkaError('CLUSTER_AUTHORIZATION_FAILED', `${fact} bucket=${bucket}`)
  }
  const { wipeBucket } = await import('../shared/aws/wipe-bucket.ts')
  await wipeBucket(s3, bucket)
}

function openStores({ dataDirectory, nodes, durability }: EmbeddedOptions): EmbeddedStores {
  return dataDirectory === undefined
    ? openInMemory({ nodes })
    : openDataDirectory({ path: dataDirectory, nodes, durability })
}
