import { Arn, ArnFormat, Duration, Stack } from 'aws-cdk-lib'
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { type FunctionOptions, type IFunction, RecursiveLoop } from 'aws-cdk-lib/aws-lambda'
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler'
import type { Construct } from 'constructs'
import { GRANTS, type LambdaGroup, type TaskGroup } from './grants.ts'

/** A controller waits 6 s for another one's lease, and gives it back in between; a catch-up begins no copy after 20 s. */
const TIMEOUTS: { readonly [group in TaskGroup]: Duration } = {
  controller: Duration.seconds(60),
  background: Duration.seconds(120),
}
/** An invocation that failed is tried again after one minute and after two; what is older is done by the next tick. */
const RETRIES = 2
const MAX_AGE = Duration.minutes(5)

/** The variables by which a function finds those that it may invoke. */
const VARIABLES: { readonly [group in TaskGroup]: string } = {
  controller: 'STRATOLOG_CONTROLLER',
  background: 'STRATOLOG_BACKGROUND',
}

/** Whether nobody waits for the group's function. */
export function isTaskGroup(group: LambdaGroup): group is TaskGroup {
  return group in TIMEOUTS
}

/**
 * What makes a function one of tasks. It has a name that is known before it is made, so that functions may invoke each
 * other. A task goes on in an invocation that it starts itself, which Lambda would take for a loop and stop after 16.
 */
export function taskOptions(stack: Stack, group: TaskGroup): FunctionOptions {
  return {
    functionName: taskFunctionName(stack, group),
    timeout: TIMEOUTS[group],
    retryAttempts: RETRIES,
    maxEventAge: MAX_AGE,
    recursiveLoop: RecursiveLoop.ALLOW,
  }
}

/** The environment of a group's function, as far as it says what the function may invoke. */
export function taskEnvironment(stack: Stack, group: LambdaGroup): Record<string, string> {
  const { invokes } = GRANTS[group]
  return Object.fromEntries(invokes.map((task) => [VARIABLES[task], taskFunctionName(stack, task)]))
}

/** The address of a task's function, which need not be there yet. */
export function taskFunctionArn(stack: Stack, group: TaskGroup): string {
  const resourceName = taskFunctionName(stack, group)
  const arnFormat = ArnFormat.COLON_RESOURCE_NAME
  return Arn.format({ service: 'lambda', resource: 'function', resourceName, arnFormat }, stack)
}

function taskFunctionName(stack: Stack, group: TaskGroup): string {
  return `${stack.stackName}-${group}`
}

/** Wakes the controller every minute. A tick that cannot be delivered is not made up for: the next one is near. */
export function tick(scope: Construct, controller: IFunction): void {
  const role = new Role(scope, 'TickRole', {
    assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account } },
    }),
    description: 'Stratolog: wakes the controller',
    inlinePolicies: {
      grants: new PolicyDocument({
        statements: [
          new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [controller.functionArn] }),
        ],
      }),
    },
  })
  new CfnSchedule(scope, 'Tick', {
    description: 'Stratolog: wakes the controller',
    scheduleExpression: 'rate(1 minute)',
    flexibleTimeWindow: { mode: 'OFF' },
    target: {
      arn: controller.functionArn,
      roleArn: role.roleArn,
      input: JSON.stringify({ tick: true }),
      retryPolicy: { maximumRetryAttempts: 0, maximumEventAgeInSeconds: 60 },
    },
  })
}
