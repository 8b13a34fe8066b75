import fc from 'fast-check'
import { json, parsed } from './target.ts'

/** Numbers at which something overflows, changes its sign, or gets longer. */
const BYTES = [0, 1, 2, 0x7f, 0x80, 0x81, 0xfe, 0xff]
const INT32S = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 0x7fffff00, 1_000_000]
const INT64S = [0n, -1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)]
const NUMBERS = [0, -1, 1.5, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), 1e308, -0]
const TEXTS = [
  '',
  'a',
  '..',
  '__proto__',
  'constructor',
  '\u0000',
  '\ud800',
  'YQ==',
  'YR==',
  '=',
  '9'.repeat(400),
]

type Change = (bytes: Uint8Array) => Uint8Array

const anyPlace = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })
const at = (bytes: Uint8Array, place: number) => Math.floor(place * (bytes.length + 1))

/** A little of one input replaced, moved, left out or put in. */
const anyChange: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(anyPlace, fc.nat(7)).map(
    ([place, bit]): Change =>
      (bytes) => {
        const copy = Uint8Array.from(bytes)
        const index = Math.floor(place * bytes.length)
        if (copy.length > 0) copy[index] = (copy[index] ?? 0) ^ (1 << bit)
        return copy
      },
  ),
  fc.tuple(anyPlace, fc.oneof(fc.constantFrom(...BYTES), fc.nat(255))).map(([place, byte]): Change => {
    return (bytes) => over(bytes, place, Uint8Array.of(byte))
  }),
  fc.tuple(anyPlace, fc.constantFrom(...INT32S), fc.boolean()).map(([place, value, isLittle]): Change => {
    const word = Buffer.alloc(4)
    if (isLittle) word.writeInt32LE(value)
    else word.writeInt32BE(value)
    return (bytes) => over(bytes, place, word)
  }),
  fc.tuple(anyPlace, fc.constantFrom(...INT64S)).map(([place, value]): Change => {
    const word = Buffer.alloc(8)
    word.writeBigInt64BE(value)
    return (bytes) => over(bytes, place, word)
  }),
  anyPlace.map(
    (place): Change =>
      (bytes) =>
        bytes.slice(0, at(bytes, place)),
  ),
  fc.tuple(anyPlace, fc.nat(16)).map(([place, length]): Change => {
    return (bytes) =>
      Buffer.concat([bytes.subarray(0, at(bytes, place)), bytes.subarray(at(bytes, place) + length)])
  }),
  fc.tuple(anyPlace, anyPlace, fc.nat(64)).map(([place, from, length]): Change => {
    return (bytes) => put(bytes, place, bytes.subarray(at(bytes, from), at(bytes, from) + length))
  }),
  fc.tuple(anyPlace, fc.uint8Array({ minLength: 1, maxLength: 8 })).map(([place, added]): Change => {
    return (bytes) => put(bytes, place, added)
  }),
)

function over(bytes: Uint8Array, place: number, word: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes)
  const start = Math.floor(place * Math.max(1, bytes.length - word.length + 1))
  if (start + word.length <= copy.length) copy.set(word, start)
  return copy
}

function put(bytes: Uint8Array, place: number, added: Uint8Array): Uint8Array {
  const start = at(bytes, place)
  return Buffer.concat([bytes.subarray(0, start), added, bytes.subarray(start)])
}

const anyLeaf = fc.oneof(
  fc.constantFrom(null, true, [], {}, ...NUMBERS, ...TEXTS),
  fc.string({ maxLength: 8 }),
  fc.jsonValue({ maxDepth: 2 }),
)

/** Another value in place of one inside a JSON text, or a member more or less; other bytes stay as they are. */
const anyJsonChange: fc.Arbitrary<Change> = fc
  .record({
    path: fc.array(fc.nat(12), { maxLength: 6 }),
    how: fc.constantFrom('replace' as const, 'remove' as const, 'add' as const, 'edit' as const),
    name: fc.constantFrom('name', 'x', '__proto__', 'toString'),
    value: anyLeaf,
    edit: anyChange,
  })
  .map(({ path, ...change }): Change => {
    return (bytes) => {
      const document = parsed(bytes)
      return document === undefined ? bytes : json(changed(document, path, change) ?? null)
    }
  })

interface NodeChange {
  readonly how: 'replace' | 'remove' | 'add' | 'edit'
  readonly name: string
  readonly value: unknown
  /** What is done to the characters of a text. */
  readonly edit: Change
}

/** Goes down by `path`, each step the number of a member; undefined says that the node is to be removed. */
function changed(node: unknown, [step, ...rest]: readonly number[], change: NodeChange): unknown {
  if (step === undefined || typeof node !== 'object' || node === null) {
    if (change.how === 'remove') return undefined
    if (change.how === 'edit' && typeof node === 'string') {
      return Buffer.from(change.edit(Buffer.from(node))).toString('latin1')
    }
    if (change.how === 'replace' || typeof node !== 'object' || node === null) return change.value
    if (Array.isArray(node)) return [...node, change.value]
    return Object.fromEntries([...Object.entries(node), [change.name, change.value]])
  }
  const entries = Object.entries(node)
  const chosen = entries[step % Math.max(1, entries.length)]?.[0]
  const members = entries.flatMap(([name, value]) => {
    const next = name === chosen ? changed(value, rest, change) : value
    return next === undefined ? [] : [[name, next] as const]
  })
  return Array.isArray(node) ? members.map(([, value]) => value) : Object.fromEntries(members)
}

/** Valid inputs with a few changes, cut into one another, and now and then bytes that never were any. */
export function anyInput(seeds: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const seed = fc.constantFrom(...seeds)
  const areJson = seeds.every((bytes) => parsed(bytes) !== undefined)
  const change = areJson ? anyJsonChange : anyChange
  const mutated = fc
    .tuple(seed, fc.array(change, { maxLength: 5 }))
    .map(([bytes, changes]) => changes.reduce((result, apply) => apply(result), bytes))
  const spliced = fc
    .tuple(seed, seed, anyPlace, anyPlace)
    .map(([one, other, to, from]) =>
      Buffer.concat([one.subarray(0, at(one, to)), other.subarray(at(other, from))]),
    )
  return fc.oneof(
    { arbitrary: mutated, weight: areJson ? 50 : 8 },
    { arbitrary: spliced, weight: 1 },
    { arbitrary: fc.uint8Array({ maxLength: 80 }), weight: 1 },
  )
}
