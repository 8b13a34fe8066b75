import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LocalServer, startLocalServer } from '../../local/server.ts'
import { sendRaw } from '../support/raw-http.ts'

let server: LocalServer
beforeAll(async () => {
  server = await startLocalServer({
    port: 0,
    dataDirectory: undefined,
    nodes: 3,
    durability: 'process',
    configs: {},
  })
})
afterAll(() => server.close())

const fluentBit = [
  '{"date":1763690401.123456,"log":"GET /a 200","stream":"stdout"}',
  '{"date":1763690401.5,"log":"caf\\u00e9 \\"quoted\\"","stream":"stderr"}',
]
const vector = [
  '{"host":"web-1","message":"started","source_type":"stdin","timestamp":"2025-11-21T02:00:01.123456789Z"}',
  '{"host":"web-1","message":"grüße","source_type":"stdin","timestamp":"2025-11-21T02:00:02.000000001Z"}',
]
const syslogNg = [
  '{"PROGRAM":"sshd","PRIORITY":"info","MESSAGE":"session opened","HOST":"web-1"}',
  '{"PROGRAM":"cron","PRIORITY":"notice","MESSAGE":"job done","HOST":"web-1"}',
]

test.each([
  { topic: 'fluent-bit-json', values: fluentBit },
  { topic: 'fluent-bit-json-lines', values: fluentBit },
  { topic: 'fluent-bit-json-gzip', values: fluentBit },
  { topic: 'vector-json', values: vector },
  { topic: 'vector-ndjson', values: vector },
  { topic: 'syslog-ng-single', values: syslogNg.slice(0, 1) },
  { topic: 'syslog-ng-lines', values: syslogNg },
  { topic: 'syslog-ng-array', values: syslogNg },
  { topic: 'rsyslog-kafkarest', values: ['{"msg":"message 1","n":1.50}', '{"msg":"message 2"}'] },
])('takes what $topic sends, byte for byte', async ({ topic, values }) => {
  const request = readFileSync(new URL(`../fixtures/shippers/${topic}.http`, import.meta.url))
  const answer = await sendRaw(server.port, request)
  expect(answer.status).toBe(200)
  expect(JSON.parse(answer.body.toString())).toEqual({
    offsets: values.map((_, offset) => ({ partition: 0, offset, error_code: null, error: null })),
    key_schema_id: null,
    value_schema_id: null,
  })
  const page = await fetch(
    `http://127.0.0.1:${server.port}/topics/${topic}/partitions/0/records?offset=0&timeout=0`,
    { headers: { accept: 'application/vnd.kafka.binary.v2+json' } },
  )
  const records = (await page.json()) as { key: null; value: string }[]
  expect(records.map(({ value }) => Buffer.from(value, 'base64').toString())).toEqual(values)
  expect(page.headers.get('x-next-offset')).toBe(String(values.length))
})

test.each([
  { name: "Fluent Bit's default format", type: 'application/msgpack' },
  { name: "syslog-ng's default Content-Type", type: 'application/x-www-form-urlencoded' },
])('refuses $name by its media type', async ({ type }) => {
  const head = `POST /topics/refused HTTP/1.1\r\nHost: 127.0.0.1:8082\r\nContent-Type: ${type}\r\nContent-Length: 1`
  const answer = await sendRaw(server.port, Buffer.from(`${head}\r\n\r\n\x91`, 'latin1'))
  expect(answer.status).toBe(415)
})
