/** A write or read of a register, between two events of the whole run. */
interface Access {
  /** What is written, which nobody else ever writes, or what is read; '' is what stood there first. */
  readonly value: string
  readonly invokedAt: number
  readonly completedAt: number
}

/**
 * Whether all accesses can have happened one after the other, each between its invocation and its completion, so that each
 * read returns the last write before it: undefined, or two values that allow no order. Every value that is read must be
 * written (Gibbons and Korach, "Testing shared memories", 1997: with unique values two at a time decide).
 */
export function linearizes(
  writes: readonly Access[],
  reads: readonly Access[],
): readonly [string, string] | undefined {
  const zones = new Map<string, Zone>()
  const first: Access = { value: '', invokedAt: -1, completedAt: -1 }
  for (const { value, invokedAt, completedAt } of [first, ...writes, ...reads]) {
    const zone = zones.get(value) ?? { from: Number.MAX_SAFE_INTEGER, to: -1 }
    zones.set(value, { from: Math.min(zone.from, completedAt), to: Math.max(zone.to, invokedAt) })
  }
  const all = [...zones].map(([value, { from, to }]) => ({ value, from, to }))
  // A forward zone is a time in which the register certainly has the value; any other one is one in which it had it once.
  const forward = all.filter(({ from, to }) => from < to).sort((a, b) => a.from - b.from)
  for (const [at, { value, from }] of forward.entries()) {
    const before = forward.slice(0, at).find(({ to }) => to > from)
    if (before !== undefined) return [before.value, value]
  }
  for (const { value, from, to } of all) {
    if (from < to) continue
    const around = forward.find((zone) => zone.from < to && from < zone.to)
    if (around !== undefined) return [around.value, value]
  }
  return undefined
}

/** From the first completion of an access to the value to the last invocation of one. */
interface Zone {
  readonly from: number
  readonly to: number
}
