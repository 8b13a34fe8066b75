/** One commit of one partition: its offset is nobody else's. Steps are those of one run; an outcome that nobody knows never ends. */
export interface Committed {
  readonly partition: number
  readonly offset: number
  readonly outcome: 'ok' | 'refused' | 'unknown'
  readonly begunAt: number
  readonly endedAt: number
}

/** One look at a partition; −1 where nothing was. */
export interface Fetched {
  readonly partition: number
  readonly offset: number
  readonly begunAt: number
  readonly endedAt: number
}

/** What commits and fetches of a run contradict each other in; none where some order of the commits explains all fetches. */
export function contradictions(
  commits: readonly Committed[],
  fetches: readonly Fetched[],
): readonly string[] {
  return fetches.flatMap((fetch) => {
    const own = commits.filter(({ partition }) => partition === fetch.partition)
    const what = JSON.stringify(fetch)
    const from = own.find(({ offset }) => offset === fetch.offset)
    const sure = own.filter(({ outcome, endedAt }) => outcome === 'ok' && endedAt < fetch.begunAt)
    if (fetch.offset === -1) return sure.length === 0 ? [] : [`lost ${what}`]
    if (from === undefined) return [`nobody committed ${what}`]
    if (from.outcome === 'refused') return [`was refused ${what}`]
    if (from.begunAt > fetch.endedAt) return [`from the future ${what}`]
    const isOverwritten = sure.some(({ begunAt }) => begunAt > endOf(from))
    const before = fetches.filter(
      (other) => other.partition === fetch.partition && other.endedAt < fetch.begunAt,
    )
    const isBack = before.some((other) => {
      const seen = own.find(({ offset }) => offset === other.offset)
      return seen !== undefined && endOf(from) < seen.begunAt
    })
    return [...(isOverwritten ? [`was overwritten ${what}`] : []), ...(isBack ? [`went back ${what}`] : [])]
  })
}

const endOf = ({ outcome, endedAt }: Committed): number =>
  outcome === 'unknown' ? Number.POSITIVE_INFINITY : endedAt
