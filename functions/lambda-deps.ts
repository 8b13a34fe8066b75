import type { S3Client } from '@aws-sdk/client-s3'
import * as z from 'zod'
import { dynamoClient, s3Client } from '../shared/aws/clients.ts'
import { dynamoDocumentStore } from '../shared/aws/dynamo-document-store.ts'
import { lambdaTaskTrigger } from '../shared/aws/lambda-task-trigger.ts'
import { s3ObjectStore } from '../shared/aws/s3-object-store.ts'
import { nodeCodecs } from '../shared/codecs/node-codecs.ts'
import { parseClusterConfigs } from '../shared/protocol/cluster-configs.ts'
import { KafkaError } from '../shared/protocol/kafka-error.ts'
import { LIMITS } from '../shared/protocol/limits.ts'
import { bootCluster, findCluster } from '../shared/service/boot-cluster.ts'
import { newCaches } from '../shared/service/caches.ts'
import type { Deps } from '../shared/service/deps.ts'
import type { DocumentStore } from '../shared/store/document-store.ts'
import type { ObjectStore } from '../shared/store/object-store.ts'
import type { TaskTrigger } from '../shared/store/task-trigger.ts'
import type { AccessPolicy } from './access-policy.ts'
import { parseEnvironment } from './environment.ts'
import type { LambdaOptions } from './lambda.ts'
import { parseNodes } from './parse-nodes.ts'
import { newEnvironmentId, randomBytes, stderrLogger, systemClock } from './system.ts'

/** The longest a fetch waits in a Lambda, where waiting costs more than asking again. */
const MAX_FETCH_WAIT_MS = 2000

const environmentSchema = z.object({
  STRATOLOG_TABLE: z.string().min(1),
  STRATOLOG_NODES: z.string().transform(parseNodes),
  /** The functions of background work, as far as this one may invoke them. */
  STRATOLOG_CONTROLLER: z.string().optional(),
  STRATOLOG_BACKGROUND: z.string().optional(),
  /** Set for an emulator of AWS, which has no host name per bucket. */
  AWS_ENDPOINT_URL: z.string().optional(),
})

/** Throws KafkaError INVALID_CONFIG naming the variables that are missing or wrong. */
function parseStores(environment: NodeJS.ProcessEnv): z.infer<typeof environmentSchema> {
  const parsed = environmentSchema.safeParse(environment)
  if (parsed.success) return parsed.data
  const names = parsed.error.issues.map(({ path }) => path.join('.')).join(', ')
  throw new KafkaError(
    'INVALID_CONFIG',
    `environment lacks the names of table and buckets variables=${names}`,
  )
}

/** The ports of a deployment, and the client of its storage nodes. */
interface AwsStores {
  readonly documents: DocumentStore
  readonly nodes: ReadonlyMap<number, ObjectStore>
  /** Does nothing where the environment names no functions. */
  readonly tasks: TaskTrigger
  /** Zone of storage node i. */
  readonly zones: readonly string[]
  readonly s3: S3Client
}

/**
 * What finds the stores that the environment names; the clients are made at once.
 *
 * Throws KafkaError INVALID_CONFIG when the environment is incomplete.
 */
export function awsStores(): () => AwsStores {
  const dynamo = dynamoClient()
  const s3 = s3Client({ pathStyle: process.env.AWS_ENDPOINT_URL !== undefined })
  return () => {
    const environment = parseStores(process.env)
    const { STRATOLOG_TABLE: table, STRATOLOG_NODES: buckets } = environment
    return {
      documents: dynamoDocumentStore(dynamo, table),
      nodes: new Map(buckets.map(({ bucket }, nodeId) => [nodeId, s3ObjectStore(s3, bucket)])),
      tasks: lambdaTaskTrigger({
        identity: dynamo.config,
        functions: {
          controller: environment.STRATOLOG_CONTROLLER,
          catchUp: environment.STRATOLOG_BACKGROUND,
        },
        endpoint: environment.AWS_ENDPOINT_URL,
        warn: stderrLogger.warn,
      }),
      zones: buckets.map(({ zone }) => zone),
      s3,
    }
  }
}

/**
 * What makes a Lambda's dependencies. The clients are made at once, so that this happens while the environment starts;
 * the rest on the first call.
 *
 * Rejects as `depsOn` does, and with INVALID_CONFIG when the environment is incomplete.
 */
export function lambdaDeps(boot: 'make' | 'find'): LambdaOptions['deps'] {
  const stores = awsStores()
  return async () => depsOn(stores(), boot)
}

/**
 * Puts a Lambda's dependencies together. `find` is for a role that may only read: it does not make a cluster that is not
 * there.
 *
 * Rejects as `bootCluster` and `findCluster` do, and with INVALID_CONFIG when a cluster config is not one.
 */
export async function depsOn(
  { documents, nodes, tasks, zones }: Omit<AwsStores, 's3'>,
  boot: 'make' | 'find',
): Promise<{ readonly deps: Deps; readonly policy: AccessPolicy }> {
  const { configs: given, corsOrigins } = parseEnvironment(process.env)
  const configs = parseClusterConfigs(given, nodes.size)
  const ports = { documents, nodes, clock: systemClock, randomBytes }
  const booted = boot === 'make' ? bootCluster(ports, (nodeId) => zones[nodeId] ?? '') : findCluster(ports)
  const { clusterId, changedNodes } = await booted
  const deps: Deps = {
    ...ports,
    clusterId,
    tasks,
    environmentId: newEnvironmentId(),
    codecs: nodeCodecs,
    configs,
    limits: LIMITS,
    maxFetchWaitMs: MAX_FETCH_WAIT_MS,
    caches: newCaches(),
    log: stderrLogger,
  }
  if (changedNodes.length > 0) await tasks.trigger({ task: 'controller' })
  return { deps, policy: { hosts: 'any', corsOrigins } }
}
