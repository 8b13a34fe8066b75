/** The partition of a keyed record, as every Kafka client chooses it (`BuiltInPartitioner.partitionForKey`). */
export function partitionForKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fffffff) % partitionCount
}

/** MurmurHash2 of `bytes` as a signed 32-bit number, with the seed of Kafka's `Utils.murmur2`. */
export function murmur2(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const wholeWords = bytes.length & ~3
  let hash = SEED ^ bytes.length
  for (let position = 0; position < wholeWords; position += 4) {
    const word = Math.imul(view.getInt32(position, true), MULTIPLIER)
    hash = Math.imul(hash, MULTIPLIER) ^ Math.imul(word ^ (word >>> 24), MULTIPLIER)
  }
  if (wholeWords < bytes.length) {
    for (let position = wholeWords; position < bytes.length; position += 1) {
      hash ^= view.getUint8(position) << (8 * (position - wholeWords))
    }
    hash = Math.imul(hash, MULTIPLIER)
  }
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER)
  return hash ^ (hash >>> 15)
}

const SEED = 0x9747b28c
const MULTIPLIER = 0x5bd1e995
