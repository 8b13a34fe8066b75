import type { Scenario } from '../explore-scenario.ts'
import { ACKNOWLEDGEMENTS } from './acknowledgements.ts'
import { BUCKETS } from './buckets.ts'
import { ELECTIONS } from './elections.ts'
import { HOLES } from './holes.ts'
import { PAGES } from './pages.ts'

/** Every scenario, by the interleaving of reference/interleavings.md that it is about. */
export const SCENARIOS: readonly Scenario[] = [
  ...ACKNOWLEDGEMENTS,
  ...HOLES,
  ...PAGES,
  ...ELECTIONS,
  ...BUCKETS,
]
