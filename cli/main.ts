import { Command, CommanderError, Option } from 'commander'
import packageJson from '../package.json' with { type: 'json' }
import { addClusterCommands } from './cluster.ts'
import { addConsumeCommand } from './consume.ts'
import { Interrupted, parseEndpoint } from './context.ts'
import { addDevCommand } from './dev.ts'
import { errorText } from './error-text.ts'
import { addGroupCommands } from './group.ts'
import { addNodeCommands } from './node.ts'
import { parsed } from './options.ts'
import { BrokenPipe } from './output.ts'
import { addProduceCommand } from './produce.ts'
import { addTopicCommands } from './topic.ts'

const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const

/** Runs one command line, as in `process.argv`, and answers its exit status; errors are on the standard error. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    await program().parseAsync(argv)
    return EXIT.ok
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    if (error instanceof BrokenPipe) return EXIT.ok
    if (error instanceof Interrupted) return EXIT.interrupted
    process.stderr.write(`error: ${errorText(error)}\n`)
    return EXIT.failed
  }
}

function program(): Command {
  const command = new Command('stratolog')
    .description('a Kafka-style log service')
    .version(packageJson.version)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .addOption(
      new Option('--endpoint <url>', 'where the service is')
        .env('STRATOLOG_ENDPOINT')
        .default('http://127.0.0.1:8082')
        .argParser(parsed(parseEndpoint, 'an http or https URL')),
    )
    .addOption(new Option('--api-key <key>', 'credential').env('STRATOLOG_API_KEY'))
    .addOption(
      new Option('--auth <kind>', "iam signs requests with AWS's credentials from the environment")
        .env('STRATOLOG_AUTH')
        .choices(['none', 'iam'])
        .default('none'),
    )
    .addOption(
      new Option('--output <form>', 'json prints the native answer')
        .choices(['table', 'json'])
        .default('table'),
    )
  addDevCommand(command)
  addTopicCommands(command)
  addProduceCommand(command)
  addConsumeCommand(command)
  addGroupCommands(command)
  addClusterCommands(command)
  addNodeCommands(command)
  return command
}
