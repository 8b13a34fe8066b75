import { mkdtemp, open, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

// What no service of this promise can go below: a bare node:http server that reads each body and writes it to a file
// of its own in three folders at once, unsynced like the service. It answers what a produce answers, so that a client
// does the same work for both. `node bench/floor-server.ts DIRECTORY`; the first line on stdout holds its address.

const COPIES = 3

const [directory = '.'] = process.argv.slice(2)
const folders = await Promise.all(Array.from({ length: COPIES }, () => mkdtemp(join(directory, 'floor-'))))
let files = 0

const server = createServer((message, response) => {
  answer(message, response).catch((error: unknown) => {
    process.stderr.write(`${error}\n`)
    response.writeHead(500).end()
  })
})

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  process.stdout.write(`floor pid=${process.pid} listening on http://127.0.0.1:${port}\n`)
})

process.once('SIGTERM', async () => {
  server.close()
  server.closeAllConnections()
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })))
})

async function answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk)
  const name = String(files++)
  await Promise.all(folders.map((folder) => writeFile(join(folder, name), chunks)))
  const partition = {
    partitionIndex: 0,
    errorCode: 0,
    baseOffset: files,
    logAppendTimeMs: -1,
    logStartOffset: 0,
  }
  const body = Buffer.from(JSON.stringify({ topics: [{ name: 'floor', partitions: [partition] }] }))
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length }).end(body)
}

async function writeFile(path: string, chunks: readonly Buffer[]): Promise<void> {
  const file = await open(path, 'wx')
  try {
    await file.writev(chunks)
  } finally {
    await file.close()
  }
}
