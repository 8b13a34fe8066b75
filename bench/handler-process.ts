import { lambdaDeps } from '../functions/lambda-deps.ts'
import type { FetchRequest } from '../shared/protocol/api/fetch.ts'
import { fetch } from '../shared/service/fetch.ts'
import { type ProduceRequest, produce } from '../shared/service/produce.ts'

// What a Lambda's environment is: the dependencies of one, with caches of their own, in a process of their own. It
// answers what its parent asks by process.send, one request after the other, and ends with the parent.

/** What a handler process is asked. */
export type Call =
  | { readonly api: 'produce'; readonly request: ProduceRequest }
  | { readonly api: 'fetch'; readonly request: FetchRequest }

/** What it answers; the first one, without a value, says that it is ready. */
export type Answer = { readonly value?: unknown } | { readonly error: string }

const made = await lambdaDeps('make')()
// An emulator on a busy machine answers three PUTs at once further apart than S3 does, and that is not what is counted here.
const limits = { ...made.deps.limits, followerGraceMs: 1000, slowPutMs: made.deps.limits.putTimeoutMs }
const deps = { ...made.deps, limits }

process.on('message', async (call: Call) => {
  try {
    const value = await (call.api === 'produce' ? produce(deps, call.request) : fetch(deps, call.request))
    process.send?.({ value } satisfies Answer)
  } catch (error) {
    process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
})
process.once('disconnect', () => process.exit())
process.send?.({} satisfies Answer)
