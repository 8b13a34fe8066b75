import { lambdaHandler } from '../lambda.ts'
import { lambdaDeps } from '../lambda-deps.ts'
import { FETCH_HANDLERS } from './fetch-handlers.ts'

/** The Lambda for reads; its role may not write. */
export const handler = lambdaHandler({ handlers: FETCH_HANDLERS, deps: lambdaDeps('find') })
