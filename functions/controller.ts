import * as z from 'zod'
import { controllerTick, runController } from '../shared/service/controller.ts'
import type { TaskFunction } from './task-lambda.ts'

const event = z.union([z.object({ task: z.literal('controller') }), z.object({ tick: z.literal(true) })])

/** Whoever sees a failure wakes the controller; once a minute it looks for itself. */
export const controllerFunction: TaskFunction<z.infer<typeof event>> = {
  event,
  run: (deps, given) => ('tick' in given ? controllerTick(deps) : runController(deps)),
}
