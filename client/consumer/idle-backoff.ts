/** The first wait and the longest one of a consumer that finds nothing: asking costs, and so does waiting in the service. */
export const MIN_IDLE_MS = 200
export const MAX_IDLE_MS = 5000

/** How long a consumer waits before it asks again, longer with every fetch that finds nothing. */
export interface IdleBackoff {
  /** Whether the last fetch found nothing. */
  isIdle(): boolean
  /** A fetch found nothing; answers how long to wait now. */
  missed(): number
  /** There was something: the next fetch is not waited for. */
  found(): void
}

/** A back-off that begins at once. */
export function idleBackoff(): IdleBackoff {
  let nextMs = 0
  return {
    isIdle: () => nextMs > 0,
    missed: () => {
      nextMs = Math.min(MAX_IDLE_MS, nextMs === 0 ? MIN_IDLE_MS : nextMs * 2)
      return nextMs
    },
    found: () => {
      nextMs = 0
    },
  }
}
