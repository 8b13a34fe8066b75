import { StratologError } from './errors.ts'

/** Codes of Node for a connection that never came about: nothing was sent. In a browser nobody tells. */
const NOT_CONNECTED: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'host not found',
  EAI_AGAIN: 'host not found',
  UND_ERR_CONNECT_TIMEOUT: 'connection timed out',
}

/** Codes of Node for a connection that broke. */
const BROKEN: Readonly<Record<string, string>> = {
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  ETIMEDOUT: 'connection timed out',
  UND_ERR_SOCKET: 'connection closed',
}

/** Codes of Node for a certificate whose issuer it does not know: nothing was sent, and another try ends the same way. */
const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])
const HOW_TO_TRUST = 'certificate is not trusted, set NODE_EXTRA_CA_CERTS to the file of its issuer'

/** What Node's fetch says of a port that browsers do not talk to, however often it is asked. */
const FORBIDDEN_PORT = 'bad port'

/** What `fetch` itself failed with: no answer, or one that broke off. Only a connection never made has effect `none`. */
export function networkError(endpoint: string, cause: unknown): StratologError {
  const found = [...causes(cause)].map(codeOf).find((code) => code !== undefined)
  const isUntrusted = found !== undefined && UNTRUSTED.has(found.code)
  const reason = found && (isUntrusted ? HOW_TO_TRUST : (NOT_CONNECTED[found.code] ?? BROKEN[found.code]))
  const notConnected =
    found !== undefined && (Object.hasOwn(NOT_CONNECTED, found.code) || found.syscall === 'connect')
  const isFinal = isUntrusted || [...causes(cause)].some((error) => messageOf(error) === FORBIDDEN_PORT)
  return new StratologError(
    'NETWORK_EXCEPTION',
    `cannot reach ${endpoint}: ${reason ?? found?.code ?? messageOf([...causes(cause)].at(-1))}`,
    { retriable: !isFinal, effect: notConnected || isFinal ? 'none' : 'unknown', cause },
  )
}

/** Fetch wraps what happened, sometimes twice, and a host with two addresses fails with both. */
function* causes(error: unknown): Generator<unknown> {
  let current = error
  for (let depth = 0; depth < 5 && current !== undefined; depth += 1) {
    yield current
    current = current instanceof Error ? current.cause : undefined
  }
}

function codeOf(error: unknown): { code: string; syscall: unknown } | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined
  return { code: error.code, syscall: 'syscall' in error ? error.syscall : undefined }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
