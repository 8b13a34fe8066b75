import { lambdaHandler } from '../lambda.ts'
import { lambdaDeps } from '../lambda-deps.ts'
import { REST_HANDLERS } from './rest-handlers.ts'

/** The Lambda for the REST dialect and, behind the catch-all route, for every path and method that is none. */
export const handler = lambdaHandler({ handlers: REST_HANDLERS, deps: lambdaDeps('make') })
