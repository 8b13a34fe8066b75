import * as z from 'zod'

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

/** What any service takes from its environment: the origins that may call it, and cluster configs by name. */
export function parseEnvironment(environment: NodeJS.ProcessEnv): z.infer<typeof environmentSchema> {
  return environmentSchema.parse(environment)
}

/** `name=value` → its parts; without `=` the value is empty. */
export function nameAndValue(entry: string): [string, string] {
  const equals = entry.indexOf('=')
  return equals < 0 ? [entry, ''] : [entry.slice(0, equals).trim(), entry.slice(equals + 1).trim()]
}
