import { App } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { AwsSolutionsChecks } from 'cdk-nag'
import { readSettings } from '../../cdk/settings.ts'
import { StratologStack } from '../../cdk/stratolog-stack.ts'

/** What a test asks of the deployment, as with `-c name=value`. */
export type Context = Readonly<Record<string, string>>

/** Zones of us-east-1 that have directory buckets. */
export const EXPRESS: Context = { storageClass: 'express', zones: 'use1-az4,use1-az5,use1-az6' }

/** A resource of a template, as far as tests look at it. */
export interface Resource {
  readonly Type: string
  readonly Properties: Readonly<Record<string, unknown>>
  readonly DeletionPolicy?: string
  readonly UpdateReplacePolicy?: string
}

/** The stack with what a context asks for; its Lambdas are not bundled, which takes seconds. */
export function synth(context: Context = {}, endpointUrl?: string) {
  const app = new App({ context: { 'aws:cdk:bundling-stacks': [] } })
  const settings = readSettings((name) => context[name], endpointUrl)
  const stack = new StratologStack(app, 'Stratolog', { settings })
  return { app, stack, template: Template.fromStack(stack) }
}

/** The resources of one type by logical id. */
export function resourcesOf(template: Template, type: string): Readonly<Record<string, Resource>> {
  return template.findResources(type) as Readonly<Record<string, Resource>>
}

/** What cdk-nag finds, without what was acknowledged: rule and construct. */
export function nagFindings(context: Context = {}, endpointUrl?: string): string[] {
  const { app } = synth(context, endpointUrl)
  const { violations } = new AwsSolutionsChecks(app).validateScope(app)
  return violations.flatMap(({ ruleName, violatingResources }) =>
    violatingResources.map(({ constructPath }) => `${ruleName} ${constructPath}`),
  )
}

/** One statement of a policy, lists for what may be one or many. */
export interface Statement {
  readonly effect: string
  readonly actions: readonly string[]
  /** As JSON where it is not a text. */
  readonly resources: readonly string[]
  readonly condition: unknown
  readonly principal: unknown
}

/** The statements of a policy document. */
export function statementsOf(document: unknown): Statement[] {
  const { Statement } = document as { readonly Statement: readonly Readonly<Record<string, unknown>>[] }
  return Statement.map(({ Effect, Action, Resource, Condition, Principal }) => ({
    effect: String(Effect),
    actions: textsOf(Action),
    resources: textsOf(Resource),
    condition: Condition,
    principal: Principal,
  }))
}

function textsOf(value: unknown): string[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value]
  return values.map((each) => (typeof each === 'string' ? each : JSON.stringify(each)))
}

/** What the role of each group allows, by the group's name. */
export function roleStatements(template: Template): ReadonlyMap<string, readonly Statement[]> {
  const roles = Object.entries(resourcesOf(template, 'AWS::IAM::Role'))
  return new Map(
    roles.map(([id, { Properties }]) => {
      const policies = Properties.Policies as readonly { readonly PolicyDocument: unknown }[]
      const group = id.slice(0, id.indexOf('Role')).toLowerCase()
      return [group, policies.flatMap(({ PolicyDocument }) => statementsOf(PolicyDocument))]
    }),
  )
}
