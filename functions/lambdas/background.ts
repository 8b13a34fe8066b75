import { catchUpFunction } from '../catch-up.ts'
import { lambdaDeps } from '../lambda-deps.ts'
import { taskHandler } from '../task-lambda.ts'

/** The Lambda for what takes long: copies between storage nodes. */
export const handler = taskHandler(catchUpFunction, lambdaDeps('find'))
