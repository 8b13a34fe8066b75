import { hash } from 'node:crypto'
import type { Item } from '../../shared/core/update-plan.ts'

const names = new Map<string, number>()
const items = new Map<string, Item>()
/** Of documents, and of other values that nobody changes. */
const namesOfItems = new WeakMap<object, string>()
const namesOfBytes = new WeakMap<Uint8Array, string>()

/** A short name for a text: the same text, the same name. */
export function nameOf(text: string): number {
  const known = names.get(text)
  if (known !== undefined) return known
  names.set(text, names.size)
  return names.size - 1
}

/** A name for a long text that does not keep it. */
export function digest(text: string): string {
  return hash('sha1', text, 'base64')
}

/** The one document with these contents, which nobody can change. Its names are in order: no store promises another one. */
export function theItem(item: Item): Item {
  if (namesOfItems.has(item)) return item
  const text = JSON.stringify(inOrder(item))
  const name = digest(text)
  const known = items.get(name)
  if (known !== undefined) return known
  const made: Item = frozen(JSON.parse(text))
  items.set(name, made)
  namesOfItems.set(made, `#${nameOf(name)}`)
  return made
}

/** A text for everything that can be seen of a value: of documents and bytes their names. */
export function fingerprint(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  if (value instanceof Uint8Array) return nameOfBytes(value)
  const name = namesOfItems.get(value)
  if (name !== undefined) return name
  if (Array.isArray(value)) return `[${value.map(fingerprint).join()}]`
  return `{${Object.entries(value).map(([key, part]) => `${key}:${fingerprint(part)}`)}}`
}

/** The fingerprint of a value that nobody changes. */
export function nameOfFixed(value: object | undefined): string {
  if (value === undefined) return ''
  const known = namesOfItems.get(value)
  if (known !== undefined) return known
  const name = `#${nameOf(digest(fingerprint(value)))}`
  namesOfItems.set(value, name)
  return name
}

function nameOfBytes(bytes: Uint8Array): string {
  const known = namesOfBytes.get(bytes)
  if (known !== undefined) return known
  const name = `#${nameOf(digest(Buffer.from(bytes).toString('base64')))}`
  namesOfBytes.set(bytes, name)
  return name
}

function inOrder(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(inOrder)
  const names = Object.keys(value).sort()
  return Object.fromEntries(names.map((name) => [name, inOrder((value as Record<string, unknown>)[name])]))
}

function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  for (const part of Object.values(value)) frozen(part)
  return Object.freeze(value)
}
