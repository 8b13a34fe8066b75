import { Sha256 } from '@smithy/core/checksum'
import { SignatureV4 } from '@smithy/signature-v4'
import { REGION } from '../../local/deployment.ts'
import type { LocalAws } from '../../local/local-aws.ts'
import { runProgram } from './run-program.ts'

/** Whose requests they are. */
export interface Caller {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** A request. */
export interface CurlRequest {
  readonly url: string
  /** Undefined is POST when it has a body, else GET. */
  readonly method?: 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
  /** Undefined leaves it unsigned. */
  readonly caller?: Caller | undefined
  /** The AWS service that checks the signature. */
  readonly service?: string
}

/** An answer with its body read. */
export interface CurlAnswer {
  readonly status: number
  readonly body: Buffer
}

/** Sends with curl. `signedBy` says who signs: a curl from before 7.75 cannot. */
export type Curl = (request: CurlRequest) => Promise<CurlAnswer>

const STATUS_CHARACTERS = 3

/** What to send with, and its name with who signs. */
export async function newCurl(aws: LocalAws): Promise<{ readonly name: string; readonly curl: Curl }> {
  const [version = ''] = /\d+\.\d+/.exec(String(await runProgram('curl', ['--version']))) ?? []
  const canSign = String(await runProgram('curl', ['--help', 'all'])).includes('--aws-sigv4')
  const sign = canSign ? signingArguments : signedHeaderArguments
  const curl: Curl = async (request) => {
    const headers = Object.entries(request.headers ?? {}).flatMap((entry) => ['-H', entry.join(': ')])
    const certificate = aws.certificateFile === undefined ? [] : ['--cacert', aws.certificateFile]
    const method = request.method === undefined ? [] : ['-X', request.method]
    const body = request.body === undefined ? [] : ['--data-binary', '@-']
    const signature = request.caller === undefined ? [] : await sign(request, request.caller)
    const args = [
      '-sS',
      '-w',
      '%{http_code}',
      ...certificate,
      ...method,
      ...headers,
      ...body,
      ...signature,
      request.url,
    ]
    const output = await runProgram('curl', args, { input: request.body ?? '' })
    return {
      status: Number(output.subarray(-STATUS_CHARACTERS)),
      body: output.subarray(0, -STATUS_CHARACTERS),
    }
  }
  return { name: canSign ? `curl ${version} --aws-sigv4` : `curl ${version}, signed by our signer`, curl }
}

async function signingArguments({ service = 'execute-api' }: CurlRequest, caller: Caller): Promise<string[]> {
  const user = `${caller.accessKeyId}:${caller.secretAccessKey}`
  return ['--aws-sigv4', `aws:amz:${REGION}:${service}`, '--user', user]
}

async function signedHeaderArguments(request: CurlRequest, caller: Caller): Promise<string[]> {
  const { service = 'execute-api', body, method = body === undefined ? 'GET' : 'POST' } = request
  const url = new URL(request.url)
  const signer = new SignatureV4({ service, region: REGION, credentials: caller, sha256: Sha256 })
  const { headers } = await signer.sign({
    method,
    protocol: url.protocol,
    hostname: url.hostname,
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: { ...request.headers, host: url.host },
    body,
  })
  const { host: _, ...others } = headers
  return Object.entries(others).flatMap((entry) => ['-H', entry.join(': ')])
}
