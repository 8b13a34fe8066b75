import { CommandError } from './context.ts'

/** Whose signature a service takes, and where it is valid. */
export interface SigningTerms {
  readonly service: 'execute-api' | 'lambda'
  readonly region: string
  readonly credentials: {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken?: string
  }
}

type Environment = Readonly<Record<string, string | undefined>>

/** Hosts of HTTP APIs and Function URLs, which name their region. */
const API_HOST = /\.execute-api\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$/
const FUNCTION_URL_HOST = /\.lambda-url\.([a-z0-9-]+)\.on\.aws$/

/**
 * The terms for an endpoint: credentials and region from AWS's usual variables, or the region that the host names.
 *
 * @throws CommandError when a variable is missing
 */
export function signingTerms(endpoint: string, environment: Environment): SigningTerms {
  const { hostname } = new URL(endpoint)
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = environment
  if (!accessKeyId || !secretAccessKey) {
    throw new CommandError('--auth iam needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY')
  }
  const functionUrl = FUNCTION_URL_HOST.exec(hostname)?.[1]
  const region =
    functionUrl ?? API_HOST.exec(hostname)?.[1] ?? (environment.AWS_REGION || environment.AWS_DEFAULT_REGION)
  if (!region) throw new CommandError('--auth iam needs AWS_REGION: the endpoint does not name its region')
  const sessionToken = environment.AWS_SESSION_TOKEN
  return {
    service: functionUrl === undefined ? 'execute-api' : 'lambda',
    region,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) },
  }
}

/** A `fetch` that signs each request with Signature Version 4, at the time it is sent: a repeated one is signed anew. */
export function sigv4Fetch(terms: SigningTerms, send: typeof fetch = fetch): typeof fetch {
  let signer: ReturnType<typeof newSigner> | undefined
  return async (input, init) => {
    signer ??= newSigner(terms)
    const request = new Request(input, init)
    const url = new URL(request.url)
    const body = new Uint8Array(await request.arrayBuffer())
    const signed = await (await signer).sign({
      method: request.method,
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      query: queryOf(url),
      headers: { ...Object.fromEntries(request.headers), host: url.host },
      body,
    })
    const { host: _, ...headers } = signed.headers
    const { method, signal } = request
    return send(url, { method, headers, signal, ...(body.byteLength === 0 ? {} : { body }) })
  }
}

/** Loaded only by who signs: it takes longer than all the rest of a command. */
async function newSigner({ service, region, credentials }: SigningTerms) {
  const [{ SignatureV4 }, { Sha256 }] = await Promise.all([
    import('@smithy/signature-v4'),
    import('@smithy/core/checksum'),
  ])
  return new SignatureV4({ service, region, credentials, sha256: Sha256 })
}

function queryOf(url: URL): Record<string, string[]> {
  const query: Record<string, string[]> = {}
  for (const [name, value] of url.searchParams) query[name] = [...(query[name] ?? []), value]
  return query
}
