import { PassThrough, Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { type InputChunk, inputChunks } from '../../cli/input-chunks.ts'

const spell = (chunk: InputChunk): string => (chunk === 'idle' ? 'idle' : Buffer.from(chunk).toString())

test('an input is read to its end', async () => {
  const read: string[] = []
  const input = Readable.from([Buffer.from('a'), Buffer.from('b')])
  const options = { lingerMs: 1000, signal: new AbortController().signal }
  for await (const chunk of inputChunks(input, options)) read.push(spell(chunk))
  expect(read).toEqual(['a', 'b'])
})

test('an input that pauses is idle once', async () => {
  const input = new PassThrough()
  const chunks = inputChunks(input, { lingerMs: 1, signal: new AbortController().signal })
  input.write('a')
  expect(spell((await chunks.next()).value ?? 'idle')).toBe('a')
  expect((await chunks.next()).value).toBe('idle')
  const next = chunks.next()
  input.end('b')
  expect(spell((await next).value ?? 'idle')).toBe('b')
  expect((await chunks.next()).done).toBe(true)
})

test('nobody waits for input once it is told to stop', async () => {
  const stop = new AbortController()
  const chunks = inputChunks(new PassThrough(), { lingerMs: 1, signal: stop.signal })
  const next = chunks.next()
  stop.abort()
  expect((await next).done).toBe(true)
})

test('an input that fails, fails', async () => {
  const input = new PassThrough()
  const chunks = inputChunks(input, { lingerMs: 1, signal: new AbortController().signal })
  const next = chunks.next()
  input.destroy(new Error('is a directory'))
  await expect(next).rejects.toThrow('is a directory')
})
