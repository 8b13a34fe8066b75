import { InvalidArgumentError } from 'commander'

/** Reads an option that is an integer of `min` to `max`. @throws InvalidArgumentError otherwise */
export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^-?\d{1,16}$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be an integer of ${min} to ${max}.`)
    }
    return value
  }
}

/** Reads a repeatable option `key=value` into all of them by key. @throws InvalidArgumentError without key or `=`, or twice */
export function keyValue(
  text: string,
  previous: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('It must be key=value.')
  const key = text.slice(0, at)
  if (Object.hasOwn(previous, key)) throw new InvalidArgumentError(`${key} stands there twice.`)
  return { ...previous, [key]: text.slice(at + 1) }
}

/** Reads a repeatable option into all that was given. */
export function repeated(text: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, text]
}

/** As `repeated`, of these words only, in whatever case they are written. @throws InvalidArgumentError for any other */
export function repeatedChoice<T extends string>(
  choices: readonly T[],
): (text: string, previous?: readonly T[]) => readonly T[] {
  return (text, previous = []) => {
    const choice = choices.find((one) => one.toLowerCase() === text.toLowerCase())
    if (choice === undefined) throw new InvalidArgumentError(`It must be one of ${choices.join(', ')}.`)
    return [...previous, choice]
  }
}

/** Reads an option with `parse`, which answers undefined for what it cannot read. @throws InvalidArgumentError then */
export function parsed<T>(parse: (text: string) => T | undefined, wants: string): (text: string) => T {
  return (text) => {
    const value = parse(text)
    if (value === undefined) throw new InvalidArgumentError(`It must be ${wants}.`)
    return value
  }
}

/** The largest partition index and count that Kafka's protocol can say. */
export const MAX_INT32 = 2 ** 31 - 1
