import type { HandlersOf } from '../handler.ts'
import { produceFunction } from '../produce.ts'

/** What the produce function answers. */
export const PRODUCE_HANDLERS: HandlersOf<'produce'> = { produce: produceFunction }
