import type { Company } from './company.ts'
import { NO_ANSWER } from './company.ts'
import type { Operation } from './history.ts'
import type { TraceEntry } from './scheduler.ts'
import type { KnownTopic } from './topics.ts'

/** Characters of an answer that are shown. */
const MAX_ANSWER = 160

/** What stands above every trace: how to read it. */
export const LEGEND =
  'virtual ms, event number, event; * is told of the event above it (disaster, fault, request, BROKEN: test/sim/README.md)'

/** One line of a trace, whose times begin with 0. */
export function lineOf({ kind, atMs, step, what }: TraceEntry, startMs: number): string {
  return `${String(atMs - startMs).padStart(8)} ${`#${step}`.padStart(7)} ${kind === 'note' ? '* ' : ''}${what}`
}

/** Tells the trace what clients ask, are answered, and conclude. It adds no event, and no turn to any promise. */
export function traceClients(company: Company): void {
  const { scheduler, topics } = company.cluster
  const { ask, begin, end } = company
  const about = ({ process, f, key }: Operation) => `client ${process}: ${f} ${withNames(key, topics.known)}`
  let asked = 0
  company.ask = (what, run, timeoutMs) => {
    asked += 1
    const request = `request ${asked} ${what}`
    const answer = ask(
      what,
      (deps) => {
        scheduler.note(`${request} to ${deps.environmentId}`)
        return run(deps)
      },
      timeoutMs,
    )
    const answered = (text: string) => scheduler.note(`${request} is answered: ${text}`)
    answer.then(
      (value) => answered(value === NO_ANSWER ? 'nothing, in time' : textOf(value)),
      (error: unknown) => answered(String(error)),
    )
    return answer
  }
  company.begin = (operation) => {
    const begun = begin(operation)
    const { f, acks, isIdempotent, values, from } = begun
    const sent = `${values.map(([, value]) => value).join()} acks=${acks}${isIdempotent ? ' idempotent' : ''}`
    scheduler.note(`${about(begun)} begins ${f === 'send' ? sent : f === 'poll' ? `from=${from}` : ''}`)
    return begun
  }
  company.end = (operation, type) => {
    end(operation, type)
    const { values, endOffset, error } = operation
    const facts = [
      ...(type === 'ok' ? [values.map(([offset, value]) => `${offset ?? '?'}:${value}`).join()] : []),
      ...(endOffset === undefined ? [] : [`end=${endOffset}`]),
      ...(error === undefined ? [] : [error]),
    ]
    scheduler.note(`${about(operation)} ends ${type} ${facts.join(' ')}`)
  }
}

/** The text with the name of a topic behind the first mention of each id. */
export function withNames(text: string, known: ReadonlyMap<string, KnownTopic>): string {
  let named = text
  for (const { topicId, name } of known.values()) {
    const at = named.indexOf(topicId)
    if (at < 0 || named.slice(0, at).endsWith('(')) continue
    const [, partition] = /^[/#](\d+)/.exec(named.slice(at + topicId.length)) ?? []
    const length = topicId.length + (partition === undefined ? 0 : partition.length + 1)
    const short = partition === undefined ? name : `${name}-${partition}`
    named = `${named.slice(0, at + length)} (${short})${named.slice(at + length)}`
  }
  return named
}

function textOf(answer: unknown): string {
  const text = JSON.stringify(answer, (_, value: unknown) =>
    value instanceof Uint8Array ? `${value.length} bytes` : typeof value === 'bigint' ? String(value) : value,
  )
  return text.length > MAX_ANSWER ? `${text.slice(0, MAX_ANSWER)}…` : text
}
