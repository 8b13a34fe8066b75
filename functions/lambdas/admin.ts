import { finishDeletions } from '../../shared/service/delete-topics.ts'
import { lambdaHandler } from '../lambda.ts'
import { lambdaDeps } from '../lambda-deps.ts'
import { ADMIN_HANDLERS } from './admin-handlers.ts'

const makeDeps = lambdaDeps('make')

/** The Lambda for topics, configs and the cluster. A new environment first finishes what one that was stopped left undeleted. */
export const handler = lambdaHandler({
  handlers: ADMIN_HANDLERS,
  deps: async () => {
    const made = await makeDeps()
    await finishDeletions(made.deps)
    return made
  },
})
