import { zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { zstdDecompressFrames } from '../../shared/codecs/zstd.ts'
import { KafkaError } from '../../shared/protocol/kafka-error.ts'

const MAX_BYTES = 10_000
const zstd = (text: string) => zstdCompressSync(text)
/** A frame that holds two bytes for somebody else. */
const SKIPPABLE = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 1)
const times = <T>(count: number, part: T) => Array.from({ length: count }, () => part)

describe.each([
  {
    way: 'in a batch',
    decompress: async (bytes: Uint8Array, maxBytes: number) =>
      Buffer.from(nodeCodecs.decompress('zstd', bytes, maxBytes)),
  },
  {
    way: 'in a body',
    decompress: async (bytes: Uint8Array, maxBytes: number) =>
      Buffer.from(await zstdDecompressFrames(bytes, { maxBytes, params: {} })),
  },
])('zstd $way', ({ decompress }) => {
  test.each([
    { name: 'one frame', parts: [zstd('one')], content: 'one' },
    { name: 'two frames', parts: [zstd('one '), zstd('two')], content: 'one two' },
    { name: 'an empty frame behind another', parts: [zstd('one'), zstd('')], content: 'one' },
    { name: 'skippable frames around another', parts: [SKIPPABLE, zstd('one'), SKIPPABLE], content: 'one' },
    { name: 'as many frames as are taken', parts: times(1000, zstd('1')), content: '1'.repeat(1000) },
  ])('of $name is read to its end', async ({ parts, content }) => {
    expect((await decompress(Buffer.concat(parts), MAX_BYTES)).toString()).toBe(content)
  })

  test.each([
    { name: 'bytes behind its frames', parts: [zstd('one'), Buffer.from('two')] },
    { name: 'a second frame that is cut off', parts: [zstd('one'), zstd('two').subarray(0, -1)] },
    { name: 'more frames than are taken', parts: times(1001, zstd('1')) },
    { name: 'no bytes', parts: [] },
  ])('with $name is refused', async ({ parts }) => {
    await expect(decompress(Buffer.concat(parts), MAX_BYTES)).rejects.toThrow()
  })

  test('is refused as soon as its frames hold too much together', async () => {
    const bytes = Buffer.concat([zstd('x'.repeat(60)), zstd('x'.repeat(41))])
    expect(await decompress(bytes, 101)).toHaveLength(101)
    await expect(decompress(bytes, 100)).rejects.toThrow()
    await expect(decompress(bytes, 60)).rejects.toThrow()
  })
})

test('what is wrong with a batch is told in Kafka’s words', () => {
  const bytes = Buffer.concat([zstd('x'.repeat(60)), zstd('x')])
  expect(() => nodeCodecs.decompress('zstd', bytes, 60)).toThrow(KafkaError)
})
