import { lambdaHandler } from '../lambda.ts'
import { lambdaDeps } from '../lambda-deps.ts'
import { GROUP_HANDLERS } from './group-handlers.ts'

/** The Lambda for consumer groups: any environment is the coordinator of any group. */
export const handler = lambdaHandler({ handlers: GROUP_HANDLERS, deps: lambdaDeps('find') })
