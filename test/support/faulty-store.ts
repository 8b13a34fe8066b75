import { KafkaError } from '../../shared/protocol/kafka-error.ts'
import type { DocumentStore } from '../../shared/store/document-store.ts'
import type { ObjectStore } from '../../shared/store/object-store.ts'

/**
 * A call of the document store: of a transaction the keys of all its actions, of a list its partition key alone, of what is
 * due the shard as `pk`.
 */
export interface DocumentCall {
  readonly method: keyof DocumentStore
  readonly pk: string
  readonly sk: string
}

/** A call of a storage node. */
export interface ObjectCall {
  readonly method: Exclude<keyof ObjectStore, 'location'>
  readonly nodeId: number
  readonly key: string
  /** Of a copy, the location it comes from. */
  readonly from?: string
}

/** Runs something else around a call: another handler, or the wait for one's turn. */
type Pause = { readonly fault: 'before' | 'after'; readonly run: () => Promise<void> }

/** What may befall a document call. But for `throttled`, only writes are faulty: a read has nothing to lose. */
export type DocumentFault =
  /** Applied, and the answer is lost. */
  | { readonly fault: 'answerLost' }
  /** Never applied, which the caller cannot know. */
  | { readonly fault: 'callLost' }
  /** Applied once `calls` further calls were made, long after the caller gave up. */
  | { readonly fault: 'appliedLater'; readonly calls: number }
  /** Applied, and carried out once more after `between`: the second answer counts. Of a transaction never: it has a token. */
  | { readonly fault: 'twice'; readonly between?: () => Promise<unknown> }
  | { readonly fault: 'throttled' }
  | Pause

/** What may befall an object call. */
export type ObjectFault =
  /** Nothing was stored or read. */
  | { readonly fault: 'fails' }
  /** A put or copy that fails, but whose object is there. */
  | { readonly fault: 'landsAnyway' }
  /** Nothing happens until the caller aborts. */
  | { readonly fault: 'hangs' }
  /** There is no such object to read or to copy. */
  | { readonly fault: 'missing' }
  | { readonly fault: 'corrupt' }
  | { readonly fault: 'short' }
  | Pause

/** The script of a faulty store: what was called, and what is to go wrong. */
export interface Faults<Call, Fault> {
  /** Every call so far, in order. */
  readonly calls: Call[]
  /** The next call that `matches` has this fault; of several such rules the oldest is used up first. */
  once(matches: (call: Call) => boolean, fault: Fault): void
  /** Every call has the fault that `script` answers, if any; undefined ends it. */
  always(script: ((call: Call) => Fault | undefined) | undefined): void
}

interface Script<Call, Fault> extends Faults<Call, Fault> {
  faultOf(call: Call): Fault | undefined
}

function newScript<Call, Fault>(): Script<Call, Fault> {
  const rules: { matches: (call: Call) => boolean; fault: Fault }[] = []
  let rest: ((call: Call) => Fault | undefined) | undefined
  const calls: Call[] = []
  return {
    calls,
    once: (matches, fault) => {
      rules.push({ matches, fault })
    },
    always: (script) => {
      rest = script
    },
    faultOf: (call) => {
      calls.push(call)
      const position = rules.findIndex((rule) => rule.matches(call))
      return position < 0 ? rest?.(call) : rules.splice(position, 1)[0]?.fault
    },
  }
}

/** A document store on which calls fail as its script says; `store` is behind it and always right. */
export interface FaultyDocumentStore extends DocumentStore {
  readonly faults: Faults<DocumentCall, DocumentFault>
  readonly store: DocumentStore
}

/** Wraps `store`: nothing goes wrong until `faults` is told. */
export function faultyDocumentStore(store: DocumentStore): FaultyDocumentStore {
  const script = newScript<DocumentCall, DocumentFault>()
  let later: { calls: number; apply: () => Promise<unknown> }[] = []

  /** Writes on their way that arrive now. */
  const arrive = async () => {
    for (const write of later) write.calls -= 1
    const due = later.filter((write) => write.calls < 0)
    later = later.filter((write) => write.calls >= 0)
    for (const write of due) await write.apply()
  }

  const read = async <Answer>(call: DocumentCall, run: () => Promise<Answer>): Promise<Answer> => {
    await arrive()
    const fault = script.faultOf(call)
    if (fault?.fault === 'throttled') throw throttled(call)
    if (fault?.fault === 'before') await fault.run()
    const answer = await run()
    if (fault?.fault === 'after') await fault.run()
    return answer
  }

  const write = async <Answer>(call: DocumentCall, run: () => Promise<Answer>): Promise<Answer> => {
    await arrive()
    const fault = script.faultOf(call)
    if (fault?.fault === 'throttled') throw throttled(call)
    if (fault?.fault === 'before') await fault.run()
    if (fault?.fault === 'appliedLater') later.push({ calls: fault.calls, apply: run })
    if (fault?.fault === 'appliedLater' || fault?.fault === 'callLost') throw timedOut(call)
    const answer = await run()
    if (fault?.fault === 'answerLost') throw timedOut(call)
    if (fault?.fault === 'after') await fault.run()
    if (fault?.fault !== 'twice' || call.method === 'transact') return answer
    await fault.between?.()
    return run()
  }

  return {
    faults: script,
    store,
    get: (key, consistency) => read({ method: 'get', ...key }, () => store.get(key, consistency)),
    list: (pk, query) => read({ method: 'list', pk, sk: '' }, () => store.list(pk, query)),
    due: (shard, query) => read({ method: 'due', pk: String(shard), sk: '' }, () => store.due(shard, query)),
    put: (key, item, expected) => write({ method: 'put', ...key }, () => store.put(key, item, expected)),
    delete: (key, checks) => write({ method: 'delete', ...key }, () => store.delete(key, checks)),
    update: (key, plan) => write({ method: 'update', ...key }, () => store.update(key, plan)),
    transact: (actions) => {
      const keys = actions.map(({ key }) => key)
      const call = { pk: keys.map(({ pk }) => pk).join(), sk: keys.map(({ sk }) => sk).join() }
      return write({ method: 'transact', ...call }, () => store.transact(actions))
    },
  }
}

/** A storage node on which calls fail as its script says; `store` is behind it and always right. */
export interface FaultyObjectStore extends ObjectStore {
  readonly faults: Faults<ObjectCall, ObjectFault>
  readonly store: ObjectStore
}

/** Wraps the store of node `nodeId`: nothing goes wrong until `faults` is told. */
export function faultyObjectStore(nodeId: number, store: ObjectStore): FaultyObjectStore {
  const script = newScript<ObjectCall, ObjectFault>()

  const around = async <Answer>(
    call: ObjectCall,
    signal: AbortSignal | undefined,
    run: (fault: ObjectFault | undefined) => Promise<Answer>,
  ): Promise<{ answer: Answer; fault: ObjectFault | undefined }> => {
    const fault = script.faultOf(call)
    if (fault?.fault === 'fails') throw nodeFailed(call)
    if (fault?.fault === 'hangs') throw await whenAborted(call, signal)
    if (fault?.fault === 'before') await fault.run()
    const answer = await run(fault)
    if (fault?.fault === 'landsAnyway') throw nodeFailed(call)
    if (fault?.fault === 'after') await fault.run()
    return { answer, fault }
  }

  return {
    faults: script,
    store,
    location: store.location,
    put: async (key, chunks, signal) => {
      await around({ method: 'put', nodeId, key }, signal, () => store.put(key, chunks, signal))
    },
    putIfAbsent: async (key, chunks, signal) => {
      const call = { method: 'putIfAbsent', nodeId, key } as const
      return (await around(call, signal, () => store.putIfAbsent(key, chunks, signal))).answer
    },
    get: async (key, range, signal) => {
      const call = { method: 'get', nodeId, key } as const
      const { answer, fault } = await around(call, signal, () => store.get(key, range, signal))
      return answer === undefined ? undefined : damaged(answer, fault)
    },
    copyFrom: async (location, key, signal) => {
      const call = { method: 'copyFrom', nodeId, key, from: location } as const
      const copy = async (fault: ObjectFault | undefined) =>
        fault?.fault !== 'missing' && (await store.copyFrom(location, key, signal))
      return (await around(call, signal, copy)).answer
    },
  }
}

function damaged(bytes: Uint8Array, fault: ObjectFault | undefined): Uint8Array | undefined {
  switch (fault?.fault) {
    case 'missing':
      return undefined
    case 'short':
      return bytes.subarray(0, -1)
    case 'corrupt':
      return bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1)
    default:
      return bytes
  }
}

function whenAborted(call: ObjectCall, signal: AbortSignal | undefined): Promise<KafkaError> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) resolve(nodeFailed(call))
    signal?.addEventListener('abort', () => resolve(nodeFailed(call)))
  })
}

function timedOut({ method, sk }: DocumentCall): KafkaError {
  return new KafkaError('REQUEST_TIMED_OUT', `scripted: no answer method=${method} sk=${sk}`)
}

function throttled({ method, sk }: DocumentCall): KafkaError {
  return new KafkaError('KAFKA_STORAGE_ERROR', `scripted: throttled method=${method} sk=${sk}`)
}

function nodeFailed({ method, nodeId }: ObjectCall): KafkaError {
  return new KafkaError('KAFKA_STORAGE_ERROR', `scripted: node failed method=${method} node=${nodeId}`)
}
