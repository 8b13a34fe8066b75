import { fileURLToPath } from 'node:url'
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib'
import type { Table } from 'aws-cdk-lib/aws-dynamodb'
import { PolicyDocument, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import {
  ApplicationLogLevel,
  Architecture,
  type Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  SystemLogLevel,
} from 'aws-cdk-lib/aws-lambda'
import { type BundlingOptions, NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs'
import { LogGroup } from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import type { NodeBucket } from './buckets.ts'
import { GRANTS, type HttpGroup, type LambdaGroup } from './grants.ts'
import type { Settings } from './settings.ts'
import { statements } from './statements.ts'
import { isTaskGroup, taskEnvironment, taskOptions, tick } from './task-functions.ts'

/** A Lambda per group. */
export type Lambdas = { readonly [group in LambdaGroup]: LambdaFunction }

/** What all Lambdas stand on. */
interface Stores {
  readonly table: Table
  readonly nodes: readonly NodeBucket[]
}

/** Enough for a few 4 MiB bodies at once in one environment's only request; CPU comes with memory. */
const MEMORY_MB = 512
/** Under the gateway's 29 s: it is the Lambda that says that a request took too long. */
const TIMEOUT = Duration.seconds(28)

/** The SDK is bundled: the runtime's own is another version, and slower to start. */
const BUNDLING: BundlingOptions = {
  format: OutputFormat.ESM,
  target: 'node24',
  mainFields: ['module', 'main'],
  minify: true,
  sourceMap: false,
  bundleAwsSDK: true,
  /** What is CommonJS in the bundle asks for Node's own modules with require. */
  banner:
    "import{createRequire as stratologRequire}from'node:module';const require=stratologRequire(import.meta.url);",
}

/** Every group's Lambda, with a role and a log of its own, and the controller's tick. */
export function lambdas(scope: Construct, settings: Settings, stores: Stores): Lambdas {
  const made = LAMBDA_GROUPS.map((group) => [group, lambda(scope, settings, { group, stores })] as const)
  const functions = Object.fromEntries(made) as Lambdas
  tick(scope, functions.controller)
  return functions
}

/** The groups in the order of grants.ts. */
export const LAMBDA_GROUPS = Object.keys(GRANTS) as readonly LambdaGroup[]
/** Those that answer requests. */
export const HTTP_GROUPS = LAMBDA_GROUPS.filter((group): group is HttpGroup => !isTaskGroup(group))

function lambda(
  scope: Construct,
  settings: Settings,
  { group, stores }: { readonly group: LambdaGroup; readonly stores: Stores },
): LambdaFunction {
  const id = `${group.charAt(0).toUpperCase()}${group.slice(1)}`
  const logGroup = new LogGroup(scope, `${id}Log`, {
    retention: settings.logRetentionDays,
    removalPolicy: RemovalPolicy.DESTROY,
  })
  const role = new Role(scope, `${id}Role`, {
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    description: `Stratolog: what the ${group} function may do`,
    inlinePolicies: {
      grants: new PolicyDocument({ statements: statements(group, settings, { ...stores, logGroup }) }),
    },
  })
  return new NodejsFunction(scope, id, {
    entry: fileURLToPath(new URL(`../functions/lambdas/${group}.ts`, import.meta.url)),
    description: `Stratolog: ${group}`,
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    memorySize: MEMORY_MB,
    ...(isTaskGroup(group) ? taskOptions(Stack.of(scope), group) : { timeout: TIMEOUT }),
    role,
    logGroup,
    loggingFormat: LoggingFormat.JSON,
    applicationLogLevelV2: ApplicationLogLevel.WARN,
    systemLogLevelV2: SystemLogLevel.WARN,
    bundling: BUNDLING,
    environment: {
      STRATOLOG_TABLE: stores.table.tableName,
      STRATOLOG_NODES: stores.nodes.map(({ zone, bucketName }) => `${zone}=${bucketName}`).join(','),
      STRATOLOG_CONFIG: settings.config,
      ...taskEnvironment(Stack.of(scope), group),
    },
  })
}
