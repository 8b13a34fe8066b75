import { KafkaError } from '../../shared/protocol/kafka-error.ts'
import type { DocumentStore } from '../../shared/store/document-store.ts'
import { otherEnvironment, type TestDeps } from '../support/test-deps.ts'

/** What befalls one call of the document store. */
export type Mishap = 'dies before' | 'dies after' | 'call lost' | 'answer lost' | 'throttled' | 'twice'

/** Counts the calls of all processes, and has the mishap befall one of them. */
export interface Fate {
  calls: number
  /** Which of them wrote. */
  readonly writes: number[]
  readonly at: number
  readonly mishap: Mishap
}

/** Nothing befalls anybody. */
export const quietFate = (): Fate => ({ calls: 0, writes: [], at: -1, mishap: 'twice' })

/** What a process that died answers, once nobody waits for it any more. */
export const DEAD = Symbol('dead')

/** Runs one request in a process of its own; DEAD when that did not live to answer. */
export async function inProcess<T>(
  deps: TestDeps,
  fate: Fate,
  request: (deps: TestDeps) => Promise<T>,
): Promise<T | typeof DEAD> {
  let isDead = false
  let die = (_: typeof DEAD): void => {}
  const death = new Promise<typeof DEAD>((resolve) => {
    die = resolve
  })
  const never = <Answer>(): Promise<Answer> => {
    isDead = true
    die(DEAD)
    return new Promise<Answer>(() => {})
  }
  const call = async <Answer>(
    isWrite: boolean,
    run: () => Promise<Answer>,
    isRepeatable = true,
  ): Promise<Answer> => {
    if (isDead) return never()
    fate.calls += 1
    if (isWrite) fate.writes.push(fate.calls)
    if (fate.calls !== fate.at) return survive(await run())
    const { mishap } = fate
    if (mishap === 'dies before') return never()
    if (mishap === 'throttled') throw new KafkaError('KAFKA_STORAGE_ERROR', 'throttled')
    if (mishap === 'call lost' && isWrite) throw new KafkaError('REQUEST_TIMED_OUT', 'call lost')
    const answer = await run()
    if (mishap === 'dies after') return never()
    if (mishap === 'answer lost' && isWrite) throw new KafkaError('REQUEST_TIMED_OUT', 'answer lost')
    return mishap === 'twice' && isWrite && isRepeatable ? run() : answer
  }
  const survive = <Answer>(answer: Answer): Answer | Promise<Answer> => (isDead ? never() : answer)
  const { documents } = deps
  const mortal: DocumentStore = {
    get: (key, consistency) => call(false, () => documents.get(key, consistency)),
    list: (pk, query) => call(false, () => documents.list(pk, query)),
    due: (shard, query) => call(false, () => documents.due(shard, query)),
    put: (key, item, expected) => call(true, () => documents.put(key, item, expected)),
    delete: (key, checks) => call(true, () => documents.delete(key, checks)),
    update: (key, plan) => call(true, () => documents.update(key, plan)),
    // A transaction has a token: it is never carried out twice.
    transact: (actions) => call(true, () => documents.transact(actions), false),
  }
  const process = { ...otherEnvironment(deps), documents: { ...documents, ...mortal } }
  return Promise.race([request(process), death])
}
