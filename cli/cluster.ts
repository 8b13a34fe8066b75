import type { Command } from 'commander'
import { clusterText } from './cluster-text.ts'
import { AT_ONCE, contextOf } from './context.ts'
import { jsonText, print } from './output.ts'

/** Adds `stratolog cluster describe`. */
export function addClusterCommands(program: Command): void {
  program
    .command('cluster')
    .description('the cluster as a whole')
    .command('describe')
    .description('show its id, its controller and its storage nodes')
    .action(async (_options: unknown, command: Command) => {
      const { connect, signal, output } = contextOf(command)
      const cluster = await connect(AT_ONCE).call('describe-cluster', {}, { signal })
      await print(process.stdout, output === 'json' ? jsonText(cluster) : clusterText(cluster, Date.now()))
    })
}
