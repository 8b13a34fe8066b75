import * as z from 'zod'
import { parseEnvironment } from '../functions/environment.ts'
import { parseClusterConfigs } from '../shared/protocol/cluster-configs.ts'

/** An availability zone's id, the same in every account, unlike its name. */
const ZONE_ID = /^[a-z]{3,4}[0-9]-az[0-9]$/
const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])$/

const list = z.string().transform((text) => text.split(',').map((entry) => entry.trim()))
/** `-c name=true` arrives as text. */
const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')])
const count = (most: number) => z.coerce.number().int().min(1).max(most)

const shape = {
  /** Where WAL objects are kept: `express` is one directory bucket per zone, `standard` a plain bucket per storage node. */
  storageClass: z.enum(['standard', 'express']).default('standard'),
  /** Zone ids, one storage node each; with `standard` any names, which are only told to clients as racks. */
  zones: list.optional(),
  /** What becomes of table and buckets when they leave the stack. */
  removal: z.enum(['retain', 'destroy']).default('retain'),
  /** `none` only for an AWS on this machine. */
  auth: z.enum(['iam', 'none']).default('iam'),
  /** Point-in-time recovery of the table, which is billed by its size. */
  pitr: flag.default(true),
  /** A URL for each Lambda besides the HTTP API: it costs no fee per request. */
  functionUrls: flag.default(false),
  /** Cluster configs, as in STRATOLOG_CONFIG: `num.partitions=3,min.insync.replicas=1`. */
  config: z.string().default(''),
  requestsPerSecond: count(100_000).default(1000),
  burstRequests: count(100_000).default(500),
  logRetentionDays: z.coerce
    .number()
    .pipe(z.union([1, 3, 7, 14, 30, 90, 365].map((days) => z.literal(days))))
    .default(14),
}

const settingsSchema = z.object(shape).transform((settings, context) => {
  const { storageClass } = settings
  const zones =
    settings.zones ?? (storageClass === 'standard' ? ['standard-0', 'standard-1', 'standard-2'] : [])
  const fault = zonesFault(zones, storageClass)
  if (fault !== undefined) context.addIssue({ code: 'custom', path: ['zones'], message: fault })
  const configFault = clusterConfigFault(settings.config, zones.length)
  if (configFault !== undefined) context.addIssue({ code: 'custom', path: ['config'], message: configFault })
  return { ...settings, zones }
})

/** What a deployment is asked for with `-c name=value`, defaults filled in. */
export type Settings = z.infer<typeof settingsSchema>

/**
 * Reads the settings. `contextValue` answers undefined for what was not given; `endpointUrl` is AWS_ENDPOINT_URL.
 *
 * Throws an Error that names the setting when a value is not one it can have.
 */
export function readSettings(
  contextValue: (name: string) => unknown,
  endpointUrl: string | undefined,
): Settings {
  const given = Object.fromEntries(Object.keys(shape).map((name) => [name, contextValue(name) ?? undefined]))
  const parsed = settingsSchema.safeParse(given)
  if (!parsed.success) throw new Error(`context is not usable:\n${z.prettifyError(parsed.error)}`)
  if (parsed.data.auth === 'none' && !isLocal(endpointUrl)) {
    throw new Error('auth=none needs AWS_ENDPOINT_URL on this machine: anyone could read and write otherwise')
  }
  return parsed.data
}

/** What the service would refuse at its start, when the deployment had already succeeded. */
function clusterConfigFault(config: string, nodeCount: number): string | undefined {
  try {
    parseClusterConfigs(parseEnvironment({ STRATOLOG_CONFIG: config }).configs, nodeCount)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function zonesFault(zones: readonly string[], storageClass: Settings['storageClass']): string | undefined {
  if (storageClass === 'express' && !zones.every((zone) => ZONE_ID.test(zone))) {
    return 'must be zone ids, such as use1-az4'
  }
  if (zones.length === 0) return 'must be given, such as use1-az4,use1-az5,use1-az6'
  if (!zones.every((zone) => /^[a-z0-9-]{1,32}$/.test(zone))) return 'must be of a-z, 0-9 and -'
  return new Set(zones).size === zones.length ? undefined : 'must differ'
}

function isLocal(endpointUrl: string | undefined): boolean {
  const url = endpointUrl === undefined ? null : URL.parse(endpointUrl)
  return url !== null && LOOPBACK.test(url.hostname)
}
