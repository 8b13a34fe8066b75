import { lambdaHandler } from '../lambda.ts'
import { lambdaDeps } from '../lambda-deps.ts'
import { ADMIN_HANDLERS } from './admin-handlers.ts'

/** The Lambda for topics, configs and the cluster. */
export const handler = lambdaHandler({ handlers: ADMIN_HANDLERS, deps: lambdaDeps('make') })
