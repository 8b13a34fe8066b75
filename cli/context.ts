import type { Command } from 'commander'
import { type RetryPolicy, type Transport, transport } from '../client/index.ts'
import type { OutageNotice } from './outage-notice.ts'
import { signingTerms, sigv4Fetch } from './sigv4-fetch.ts'

/** What every command that calls the service is given. */
export interface Context {
  readonly output: 'table' | 'json'
  /** Aborted by SIGINT with an `Interrupted`. */
  readonly signal: AbortSignal
  /** `onTry` is told how each try of each request ended. */
  readonly connect: (retry: Partial<RetryPolicy>, onTry?: OutageNotice) => Transport
}

/** The user pressed Ctrl-C. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

/** A failure whose message is the whole of what is printed. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}

/** For a command that is typed and waited for: it rather fails than waits for a service to come. */
export const AT_ONCE: Partial<RetryPolicy> = { whenNotConnected: 'fail', deliveryTimeoutMs: 30_000 }

/** For the first request of a command that then runs for long: a service that is not there, or mute, is told soon. */
export const FIRST_CONTACT: Partial<RetryPolicy> = { ...AT_ONCE, deliveryTimeoutMs: 10_000 }

interface GlobalOptions {
  readonly endpoint: string
  readonly apiKey?: string
  readonly auth: 'none' | 'iam'
  readonly output: 'table' | 'json'
}

/** The context of a command, from its global options. From now on SIGINT aborts instead of killing. */
export function contextOf(command: Command): Context {
  const { endpoint, apiKey, auth, output } = command.optsWithGlobals<GlobalOptions>()
  const signing = auth === 'iam' ? { fetch: sigv4Fetch(signingTerms(endpoint, process.env)) } : {}
  return {
    output,
    signal: interruptSignal(),
    connect: (retry, onTry) =>
      transport({ endpoint, apiKey, clientId: 'stratolog-cli', retry, onTry, ...signing }),
  }
}

function interruptSignal(): AbortSignal {
  const controller = new AbortController()
  process.once('SIGINT', () => controller.abort(new Interrupted('interrupted')))
  return controller.signal
}

/** Reads `--endpoint`: an http or https URL, or undefined. */
export function parseEndpoint(text: string): string | undefined {
  const url = URL.parse(text)
  const isHttp = url !== null && (url.protocol === 'http:' || url.protocol === 'https:')
  return isHttp && url.search === '' && url.hash === '' ? text.replace(/\/+$/, '') : undefined
}
