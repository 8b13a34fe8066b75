import { CREDENTIALS } from '../../local/deployment.ts'
import type { LocalAws } from '../../local/local-aws.ts'
import type { Caller, Curl } from './signed-curl.ts'

/** Root of the local AWS. Its signature is not checked there: callers that are to be checked are made. */
export const ROOT: Caller = {
  accessKeyId: CREDENTIALS.AWS_ACCESS_KEY_ID,
  secretAccessKey: CREDENTIALS.AWS_SECRET_ACCESS_KEY,
}

/** A policy as IAM takes it. */
export interface Policy {
  readonly Version: string
  readonly Statement: readonly { readonly Action: string | string[]; readonly Resource: unknown }[]
}

/** IAM, as far as callers and a role's grants need it. */
export interface Iam {
  /** A user with a key that may call these routes (`GET/*`) of an API, and nothing else. */
  newCaller(name: string, routes: { readonly apiId: string; readonly allow: string }): Promise<Caller>
  /** The one role whose name begins so, with the policy that is written into it. */
  roleOf(beginning: string): Promise<{ readonly roleName: string; readonly policy: Policy }>
  putRolePolicy(roleName: string, policy: Policy): Promise<void>
}

/** What cdk/functions.ts calls the policy in each role. */
const POLICY_NAME = 'grants'

/** IAM's query API, called with curl. */
export function newIam(aws: LocalAws, curl: Curl): Iam {
  const call = async (action: string, parameters: Readonly<Record<string, string>>): Promise<string> => {
    const { status, body } = await curl({
      url: `${aws.endpoint}/`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `${new URLSearchParams({ Action: action, Version: '2010-05-08', ...parameters })}`,
      caller: ROOT,
      service: 'iam',
    })
    if (status !== 200) throw new Error(`iam ${action} failed status=${status} answer=${body}`)
    return String(body)
  }
  return {
    newCaller: async (UserName, { apiId, allow }) => {
      const Resource = `arn:aws:execute-api:*:*:${apiId}/$default/${allow}`
      const Statement = [{ Effect: 'Allow', Action: 'execute-api:Invoke', Resource }]
      const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement })
      await call('CreateUser', { UserName })
      await call('PutUserPolicy', { UserName, PolicyName: 'call', PolicyDocument })
      const key = await call('CreateAccessKey', { UserName })
      return { accessKeyId: element(key, 'AccessKeyId'), secretAccessKey: element(key, 'SecretAccessKey') }
    },
    roleOf: async (beginning) => {
      const names = elements(await call('ListRoles', {}), 'RoleName')
      const [roleName, ...others] = names.filter((name) => name.startsWith(beginning))
      if (roleName === undefined || others.length > 0) throw new Error(`not one role names=${names}`)
      const answer = await call('GetRolePolicy', { RoleName: roleName, PolicyName: POLICY_NAME })
      return { roleName, policy: JSON.parse(decodeURIComponent(element(answer, 'PolicyDocument'))) }
    },
    putRolePolicy: async (RoleName, policy) => {
      const PolicyDocument = JSON.stringify(policy)
      await call('PutRolePolicy', { RoleName, PolicyName: POLICY_NAME, PolicyDocument })
    },
  }
}

function element(xml: string, name: string): string {
  const [text] = elements(xml, name)
  if (text === undefined) throw new Error(`no ${name} in answer=${xml}`)
  return text
}

/** The text of each element; what is read here has none within it. */
function elements(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, text = '']) => text)
}
