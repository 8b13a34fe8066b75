import type { Head } from '../../shared/core/head.ts'
import { type Change, remove, set } from '../../shared/core/update-plan.ts'
import { encodeHeadPlan } from '../../shared/store/items/head-item.ts'
import { headKey } from '../../shared/store/keys.ts'
import type { DocumentCall, DocumentFault } from './faulty-store.ts'
import type { TestDeps } from './test-deps.ts'

/** The calls that tests want to catch, by what they are for. */
export const isHeadUpdate = ({ method, sk }: DocumentCall): boolean => method === 'update' && sk === 'HEAD'
export const isHeadRead = ({ method, sk }: DocumentCall): boolean => method === 'get' && sk === 'HEAD'
export const isPagePut = ({ method, sk }: DocumentCall): boolean => method === 'put' && sk.startsWith('PAGE#')
export const isProducerRead = ({ method, sk }: DocumentCall): boolean =>
  method === 'get' && sk.startsWith('PID#')
export const isProducerPut = ({ method, sk }: DocumentCall): boolean =>
  method === 'put' && sk.startsWith('PID#')
export const isTopicUpdate = ({ method, pk }: DocumentCall): boolean => method === 'update' && pk === 'TOPICS'
/** A topic comes to be, or to count more partitions, in a transaction that checks the storage nodes. */
export const isTopicCounted = ({ method, pk }: DocumentCall): boolean =>
  method === 'transact' && pk.startsWith('TOPICS,')

/** Lets another handler run just before a call, or between the call and its answer. */
export const runBefore = (run: () => Promise<unknown>): DocumentFault => ({
  fault: 'before',
  run: ignoring(run),
})
export const runAfter = (run: () => Promise<unknown>): DocumentFault => ({
  fault: 'after',
  run: ignoring(run),
})

const ignoring = (run: () => Promise<unknown>) => async (): Promise<void> => {
  await run()
}

/** Changes a stored head behind every rule, as an election or a lost replica will; a leader of undefined goes. */
export async function changeHead(deps: TestDeps, topicId: string, changes: Partial<Head>): Promise<void> {
  const plan = Object.entries(changes).map(
    ([word, value]): Change => (value === undefined ? remove([word]) : set([word], value)),
  )
  await deps.documents.store.update(headKey(topicId, 0), encodeHeadPlan({ checks: [], changes: plan }))
}
