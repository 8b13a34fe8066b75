/** A planted bug, and a scenario of which some order shows it. */
export interface Planted {
  readonly scenario: string
  readonly bug: string
}

/** At least one for each scenario. */
export const PLANTED: readonly Planted[] = [
  { scenario: 'C1', bug: 'truncated-lineage-kept' },
  { scenario: 'C1', bug: 'truncated-batches-stay-in-tail' },
  { scenario: 'C1b', bug: 'success-without-high-watermark' },
  { scenario: 'C2', bug: 'success-without-lineage' },
  { scenario: 'C2', bug: 'elected-at-the-old-log-end' },
  { scenario: 'C4', bug: 'unknown-outcome-sent-again' },
  { scenario: 'C3', bug: 'holes-not-clamped' },
  { scenario: 'C14', bug: 'joining-miss-forgotten' },
  { scenario: 'C18', bug: 'high-watermark-behind-a-closed-hole' },
  { scenario: 'H1', bug: 'shrink-leaves-high-watermark' },
  { scenario: 'H2', bug: 'joining-replica-not-written' },
  { scenario: 'C6a', bug: 'trim-of-own-entries' },
  { scenario: 'C6b', bug: 'trim-before-the-page' },
  { scenario: 'C13', bug: 'planned-move-with-a-hole' },
  { scenario: 'C15', bug: 'winner-keeps-its-hole' },
  { scenario: 'C16', bug: 'unclean-keeps-high-watermark' },
  { scenario: 'H3', bug: 'elected-without-a-fence' },
  { scenario: 'H17', bug: 'controller-epoch-not-checked' },
  { scenario: 'H17', bug: 'node-written-by-an-old-controller' },
  { scenario: 'H17', bug: 'lease-taken-at-any-time' },
  { scenario: 'C10a', bug: 'puts-for-any-incarnation' },
  { scenario: 'C10b', bug: 'wiped-bucket-under-its-old-name' },
  { scenario: 'C10c', bug: 'walk-ended-though-it-failed' },
  { scenario: 'H4', bug: 'wiped-bucket-under-its-old-name' },
]
