import { type ParseArgsConfig, parseArgs } from 'node:util'

/** The options of a bench; with `--help`, or one that it does not have, it ends with its usage instead. */
export function parseOptions<Options extends NonNullable<ParseArgsConfig['options']>>(
  usage: string,
  options: Options,
) {
  if (process.argv.includes('--help')) {
    console.log(`usage: ${usage}`)
    process.exit(0)
  }
  try {
    return parseArgs({ options }).values
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : error}\nusage: ${usage}`)
    process.exit(2)
  }
}
