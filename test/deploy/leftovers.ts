import type { LocalAws } from '../../local/local-aws.ts'
import { ROOT } from './iam.ts'
import type { Curl, CurlRequest } from './signed-curl.ts'

type Listing = Pick<CurlRequest, 'headers' | 'body' | 'service'> & { readonly path: string }

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const query = (service: string, action: string, version: string): Listing => ({
  path: '/',
  service,
  headers: FORM,
  body: `Action=${action}&Version=${version}`,
})
const target = (service: string, name: string, version: '1.0' | '1.1'): Listing => ({
  path: '/',
  service,
  headers: { 'content-type': `application/x-amz-json-${version}`, 'x-amz-target': name },
  body: '{}',
})

/** All of one kind that there are, for each kind that the stack has. */
const LISTINGS: Readonly<Record<string, Listing>> = {
  tables: target('dynamodb', 'DynamoDB_20120810.ListTables', '1.0'),
  buckets: { path: '/', service: 's3' },
  functions: { path: '/2015-03-31/functions/', service: 'lambda' },
  schedules: { path: '/schedules', service: 'scheduler' },
  apis: { path: '/v2/apis', service: 'apigateway' },
  'log groups': target('logs', 'Logs_20140328.DescribeLogGroups', '1.1'),
  roles: query('iam', 'ListRoles', '2010-05-08'),
}

/** What names the stack, by kind: with a deployment a line for each kind, after its removal none. */
export async function leftovers(aws: LocalAws, curl: Curl): Promise<readonly string[]> {
  const found: string[] = []
  for (const [kind, { path, ...request }] of Object.entries(LISTINGS)) {
    const { status, body } = await curl({ ...request, url: `${aws.endpoint}${path}`, caller: ROOT })
    if (status !== 200) throw new Error(`cannot list ${kind} status=${status} answer=${body}`)
    if (/stratolog/i.test(String(body))) found.push(kind)
  }
  return found
}

/** The kinds that `leftovers` knows. */
export const KINDS = Object.keys(LISTINGS)
