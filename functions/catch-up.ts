import * as z from 'zod'
import { catchUp } from '../shared/service/catch-up.ts'
import type { TaskFunction } from './task-lambda.ts'

const event = z.object({
  task: z.literal('catchUp'),
  topicName: z.string().min(1),
  topicId: z.string().min(1),
  partitionIndex: z.int().min(0),
  hops: z.int().min(0).optional(),
})

/** Replicas of one partition are given what they lack. */
export const catchUpFunction: TaskFunction<z.infer<typeof event>> = { event, run: catchUp }
