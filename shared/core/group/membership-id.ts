import { MAX_ENCODED_NAME_BYTES } from '../../protocol/limits.ts'

/** Crockford's base 32, which a ULID is written in, and how many of its digits are the time. */
const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const TIME_DIGITS = 10
const ULID_DIGITS = 26
/** Clocks of two machines differ by less. */
const MAX_CLOCK_SKEW_MS = 60_000

/**
 * The id of a new member: `<clientId>-<ulid>`, or `<groupInstanceId>-<ulid>` of a static one (Kafka has a random UUID there).
 * A name that is too long for a key is cut.
 */
export function newMemberId(name: string, ulid: string): string {
  const most = MAX_ENCODED_NAME_BYTES - ULID_DIGITS - 1
  let kept = ''
  let bytes = 0
  for (const character of name.toWellFormed()) {
    bytes += encodeURIComponent(character).length
    if (bytes > most) break
    kept += character
  }
  return `${kept}-${ulid}`
}

/**
 * Whether an id that no member has was given out so lately that who asked for it may be on its way (Kafka's pending
 * member, which is given up after its session time-out). The id itself says when: nothing is stored for it.
 */
export function isPendingMemberId(memberId: string, nowMs: number, sessionTimeoutMs: number): boolean {
  const givenOutMs = timeOf(memberId)
  if (givenOutMs === undefined) return false
  const ageMs = nowMs - givenOutMs
  return ageMs >= -MAX_CLOCK_SKEW_MS && ageMs < sessionTimeoutMs
}

function timeOf(memberId: string): number | undefined {
  const ulid = memberId.slice(-ULID_DIGITS)
  if (ulid.length < ULID_DIGITS || memberId.at(-ULID_DIGITS - 1) !== '-') return undefined
  let timeMs = 0
  for (const [position, digit] of [...ulid].entries()) {
    const value = DIGITS.indexOf(digit)
    if (value < 0) return undefined
    if (position < TIME_DIGITS) timeMs = timeMs * DIGITS.length + value
  }
  return timeMs
}
