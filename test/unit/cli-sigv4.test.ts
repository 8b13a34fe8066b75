import { expect, test } from 'vitest'
import { type SigningTerms, signingTerms, sigv4Fetch } from '../../cli/sigv4-fetch.ts'

const KEYS = { AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: 'secret' }
const API = 'https://abc123.execute-api.eu-west-1.amazonaws.com'

test.each([
  { name: 'an HTTP API', endpoint: API, service: 'execute-api', region: 'eu-west-1' },
  {
    name: 'a Function URL',
    endpoint: 'https://abc.lambda-url.us-east-2.on.aws/',
    service: 'lambda',
    region: 'us-east-2',
  },
  {
    name: 'a name of its own',
    endpoint: 'https://log.example',
    service: 'execute-api',
    region: 'us-west-2',
  },
])('the terms for $name', ({ endpoint, service, region }) => {
  const environment = { ...KEYS, AWS_REGION: 'us-west-2', AWS_SESSION_TOKEN: 'token' }
  expect(signingTerms(endpoint, environment)).toEqual({
    service,
    region,
    credentials: { accessKeyId: 'AKID', secretAccessKey: 'secret', sessionToken: 'token' },
  })
})

test.each([
  { name: 'credentials', endpoint: API, environment: {}, message: 'AWS_ACCESS_KEY_ID' },
  { name: 'a secret', endpoint: API, environment: { AWS_ACCESS_KEY_ID: 'AKID' }, message: 'AWS_SECRET' },
  { name: 'a region', endpoint: 'https://log.example', environment: KEYS, message: 'AWS_REGION' },
])('without $name nothing is sent', ({ endpoint, environment, message }) => {
  expect(() => signingTerms(endpoint, environment)).toThrow(message)
})

const terms: SigningTerms = {
  service: 'execute-api',
  region: 'eu-west-1',
  credentials: { accessKeyId: 'AKID', secretAccessKey: 'secret', sessionToken: 'token' },
}

/** Sends through the signer, and gives what would have gone out. */
async function signed(url: string, init: RequestInit): Promise<Request> {
  const sent: Request[] = []
  await sigv4Fetch(terms, async (input, options) => {
    sent.push(new Request(input, options))
    return new Response()
  })(url, init)
  expect(sent).toHaveLength(1)
  return sent[0] as Request
}

test('a request goes out as it was, with a signature over its headers and its bytes', async () => {
  const body = Uint8Array.from({ length: 256 }, (_, byte) => byte)
  const headers = { 'content-type': 'application/vnd.stratolog.frame', 'x-client-id': 'c' }
  const request = await signed(`${API}/v1/produce`, { method: 'POST', headers, body })
  expect(request.url).toBe(`${API}/v1/produce`)
  expect(new Uint8Array(await request.clone().arrayBuffer())).toEqual(body)
  expect(request.headers.get('content-type')).toBe('application/vnd.stratolog.frame')
  expect(request.headers.get('x-amz-security-token')).toBe('token')
  const authorization = request.headers.get('authorization') ?? ''
  expect(authorization).toMatch(
    /^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/eu-west-1\/execute-api\/aws4_request, /,
  )
  expect(authorization).toMatch(/SignedHeaders=[^,]*content-type;host;[^,]*x-client-id/)
  const other = await signed(`${API}/v1/produce`, { method: 'POST', headers, body: body.subarray(1) })
  expect(other.headers.get('x-amz-content-sha256')).not.toBe(request.headers.get('x-amz-content-sha256'))
})

test('a request without a body, with a query, is signed too', async () => {
  const request = await signed(`${API}/topics?a=1&a=2&b=%20`, { method: 'GET' })
  expect(request.url).toBe(`${API}/topics?a=1&a=2&b=%20`)
  expect(request.headers.get('authorization')).toContain('Signature=')
})
