/** A planted bug, and a scenario of which some order shows it. */
export interface Planted {
  readonly scenario: string
  readonly bug: string
}

export const PLANTED: readonly Planted[] = []
