import { compress as snappyRaw } from 'snappyjs'
import { afterAll, expect, test } from 'vitest'
import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { packReference, unpackReference } from '../../shared/core/batch-reference.ts'
import type { CompressionType } from '../../shared/protocol/compression.ts'
import { decodeFrame, encodeFrame } from '../../shared/protocol/frame.ts'
import { KafkaError } from '../../shared/protocol/kafka-error.ts'
import { readUnsignedVarint, readVarint, readVarlong, writeVarint } from '../../shared/protocol/varint.ts'
import { corpus, fuzz, PURE_TARGETS } from '../fuzz/fuzz.ts'
import { httpTargets } from '../fuzz/http-targets.ts'
import { socketTarget } from '../fuzz/socket-target.ts'
import { referenceWith } from '../support/heads.ts'

const RUNS = 400
const service = httpTargets()
const socket = socketTarget()
const targets = [...PURE_TARGETS, ...service.targets, socket.target]
afterAll(async () => {
  await service.close()
  await socket.close()
})

test.each([...(await corpus())])('$target does no harm any more with $why', async ({ target, base64 }) => {
  const known = targets.find(({ name }) => name === target)
  expect(known).toBeDefined()
  await known?.check(Buffer.from(base64, 'base64'))
})

test.each(targets)('whatever $name is given, it answers as it promises', async (target) => {
  for (const seed of target.seeds) await target.check(seed)
  await fuzz(target, { runs: RUNS })
})

const content = Buffer.from(Array.from({ length: 700 }, (_, at) => `${at * at}`).join())

// Of xerial’s chunks nobody says how many there are: its blocks are cut off one by one.
test.each<{ type: CompressionType; compress: (bytes: Uint8Array) => Uint8Array }>([
  { type: 'gzip', compress: (bytes) => nodeCodecs.compress('gzip', bytes) },
  { type: 'snappy', compress: (bytes) => snappyRaw(bytes) },
  { type: 'lz4', compress: (bytes) => nodeCodecs.compress('lz4', bytes) },
  { type: 'zstd', compress: (bytes) => nodeCodecs.compress('zstd', bytes) },
])('a block of $type that is cut off anywhere is refused', ({ type, compress }) => {
  const block = compress(content)
  for (let length = 0; length < block.length; length += 1) {
    expect(() => nodeCodecs.decompress(type, block.subarray(0, length), content.length)).toThrow(KafkaError)
  }
})

test('a reference that is cut off anywhere is refused', () => {
  const sequence = { producerId: 2 ** 40, producerEpoch: 3, baseSequence: 2 ** 31 - 1 }
  const packed = packReference(referenceWith({ position: 2 ** 53 - 1, sequence }))
  for (let length = 0; length < packed.length; length += 1) {
    expect(() => unpackReference(packed.slice(0, length))).toThrow(KafkaError)
  }
})

test('a frame whose header is cut off anywhere is refused', () => {
  const [head = new Uint8Array(0)] = encodeFrame({ topics: [{ name: 'é' }] }, [])
  for (let length = 0; length < head.length; length += 1) {
    expect(() => decodeFrame(head.subarray(0, length), 1000)).toThrow(KafkaError)
  }
})

test('a number that is cut off anywhere is refused', () => {
  const bytes = new Uint8Array(10)
  const end = writeVarint(bytes, 0, 2 ** 31 - 1)
  for (let length = 0; length < end; length += 1) {
    for (const read of [readVarint, readVarlong, readUnsignedVarint]) {
      expect(() => read({ bytes, position: 0, end: length })).toThrow(KafkaError)
    }
  }
})
