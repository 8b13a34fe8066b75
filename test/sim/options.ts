import { BUGS } from './bugs.ts'
import { UNSEEN } from './bugs-unseen.ts'

/** Bugs that can be planted, by name. */
export const BUG_NAMES: readonly string[] = [...BUGS, ...UNSEEN].map(({ name }) => name)
/** Processes of one machine. */
export const MAX_PROCESSES = 256
