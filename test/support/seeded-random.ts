/** Numbers that are the same for the same seed. */
export interface SeededRandom {
  /** An integer of `min` to `max`, both included. */
  readonly integer: (min: number, max: number) => number
}

/** A generator for choices of a test, which a printed seed repeats (mulberry32). */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return { integer: (min, max) => min + Math.floor(next() * (max - min + 1)) }
}
