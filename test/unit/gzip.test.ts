import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { gunzipMembers } from '../../shared/codecs/gzip.ts'
import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'

const MAX_BYTES = 1000
const [one, two] = [gzipSync('one '), gzipSync('two')]

describe.each([
  {
    way: 'in a batch',
    decompress: async (bytes: Uint8Array, maxBytes: number) =>
      Buffer.from(nodeCodecs.decompress('gzip', bytes, maxBytes)),
  },
  {
    way: 'in a body',
    decompress: async (bytes: Uint8Array, maxBytes: number) =>
      Buffer.from(await gunzipMembers(bytes, maxBytes)),
  },
])('gzip $way', ({ decompress }) => {
  test('of several members is read to its end', async () => {
    expect((await decompress(Buffer.concat([one, two]), MAX_BYTES)).toString()).toBe('one two')
  })

  test.each([
    { name: 'a member behind a zero byte', parts: [one, Uint8Array.of(0), two] },
    { name: 'zero bytes behind its end', parts: [one, new Uint8Array(3)] },
    { name: 'other bytes behind its end', parts: [one, Buffer.from('xx')] },
    { name: 'a second member that is cut off', parts: [one, two.subarray(0, -1)] },
    { name: 'no bytes', parts: [] },
  ])('with $name is refused', async ({ parts }) => {
    await expect(decompress(Buffer.concat(parts), MAX_BYTES)).rejects.toThrow()
  })

  test('is refused when its members hold too much together', async () => {
    await expect(decompress(Buffer.concat([one, two]), 6)).rejects.toThrow()
  })
})
