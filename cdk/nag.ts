import { type Stack, Validations } from 'aws-cdk-lib'
import type { NodeBucket } from './buckets.ts'
import type { Settings } from './settings.ts'

/** Rules of cdk-nag's AwsSolutions that every deployment breaks on purpose, with the reason. */
const ALWAYS = {
  'AwsSolutions-S1':
    'one request is a PUT per storage node: lines about them would cost more than the records; CloudTrail data events can be switched on per bucket',
  'AwsSolutions-APIG1':
    'a line per request costs as much as a tenth of the request itself; errors are logged by the functions, and CloudWatch counts requests by status',
} as const

/** Those that only some settings break. */
const SOMETIMES = {
  'AwsSolutions-DDB3': { when: ({ pitr }: Settings) => !pitr, reason: 'pitr=false was asked for' },
  'AwsSolutions-APIG4': {
    when: ({ auth }: Settings) => auth === 'none',
    reason: 'auth=none is refused unless AWS is an emulator on this machine',
  },
} as const

/** Why a role may do something to more than one named thing, by the end of the resource. */
export const WILDCARD_REASONS = {
  '/wal/*':
    'WAL objects are named by hour and ULID: the prefix is the least that can be said before they exist',
} as const

/** Tells cdk-nag about them; a finding that is not here stops the synthesis. */
export function acknowledgeFindings(stack: Stack, settings: Settings, nodes: readonly NodeBucket[]): void {
  const acknowledge = (id: string, reason: string) => Validations.of(stack).acknowledge({ id, reason })
  for (const [rule, reason] of Object.entries(ALWAYS)) acknowledge(rule, reason)
  for (const [rule, { when, reason }] of Object.entries(SOMETIMES)) {
    if (when(settings)) acknowledge(rule, reason)
  }
  for (const [ending, reason] of Object.entries(WILDCARD_REASONS)) {
    for (const { arn } of nodes) {
      acknowledge(`AwsSolutions-IAM5[Resource::${attributeText(stack, arn)}${ending}]`, reason)
    }
  }
}

/** An attribute of a resource as cdk-nag spells it: `<Node0.Arn>`. */
function attributeText(stack: Stack, token: string): string {
  const resolved: { readonly 'Fn::GetAtt'?: readonly string[] } = stack.resolve(token)
  return `<${(resolved['Fn::GetAtt'] ?? []).join('.')}>`
}
