import { lambdaHandler } from '../lambda.ts'
import { lambdaDeps } from '../lambda-deps.ts'
import { PRODUCE_HANDLERS } from './produce-handlers.ts'

/** The Lambda for appends. */
export const handler = lambdaHandler({ handlers: PRODUCE_HANDLERS, deps: lambdaDeps('make') })
