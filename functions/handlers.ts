import type { Handler } from './handler.ts'
import { ADMIN_HANDLERS } from './lambdas/admin-handlers.ts'
import { FETCH_HANDLERS } from './lambdas/fetch-handlers.ts'
import { GROUP_HANDLERS } from './lambdas/group-handlers.ts'
import { PRODUCE_HANDLERS } from './lambdas/produce-handlers.ts'
import { REST_HANDLERS } from './lambdas/rest-handlers.ts'
import type { ApiName } from './routes.ts'

/** What answers each route, of all groups: a route without a handler does not compile. */
export const HANDLERS: { readonly [api in ApiName]: Handler } = {
  ...PRODUCE_HANDLERS,
  ...FETCH_HANDLERS,
  ...GROUP_HANDLERS,
  ...ADMIN_HANDLERS,
  ...REST_HANDLERS,
}
