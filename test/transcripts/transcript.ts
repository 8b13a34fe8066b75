import { expect } from 'vitest'
import type { JoinGroupResponse } from '../../shared/protocol/api/groups.ts'
import type { ErrorRow } from '../../shared/protocol/kafka-error.ts'
import { otherEnvironment, type TestDeps, type TestOptions, testDeps } from '../support/test-deps.ts'
import { checkGroup } from './check-group.ts'
import {
  type Actor,
  beat,
  type JoinOptions,
  join,
  joins,
  leave,
  newActor,
  type SyncOptions,
  sync,
  syncs,
  textOf,
} from './group-actor.ts'

/**
 * One request and its answer, `<who> <api> [key=value …] → <answer>`; several in a list are made at once, but for those that
 * begin with `then`, half a second later; `<n> ms` lets time pass. Members are named by who they are, whatever their ids.
 *
 * - `join`, `sync`: one request; `joins`, `syncs`: as a client does, again while it is told to.
 * - keys of a join: `as` (memberId: a name, or `nobody`, or any text), `instance`, `offers=range,sticky`, `type`, `session`,
 *   `rebalance`, `metadata`, `group`. Keys of the others: `as`, `instance`, `generation`, `group`, `type`, `protocol`; the
 *   leader's assignments are `<who>:<assignment>`, and leave takes the names of who leaves, or `@instance`.
 * - answers: the error's name, with `again` where the same request is to be made again, or `ok`, or of a join
 *   `<generation> <protocol> leads <members>` or `follows <leader>`, and of a sync the assignment.
 */
export type Step = string | readonly string[]

export interface Transcript {
  readonly name: string
  readonly configs?: Readonly<Record<string, string>>
  readonly limits?: TestOptions['limits']
  readonly steps: readonly Step[]
}

/** A member comes to a group whose others do not know of it yet. */
export const enters = (name: string, options = ''): readonly string[] => [
  `${name} join ${options}`.trim().concat(' → MEMBER_ID_REQUIRED'),
  `${name} join ${options}`.trim().concat(' → REBALANCE_IN_PROGRESS again'),
]

/** Runs a transcript on the embedded store, every request in an environment of its own, and checks the group after each step. */
export async function runTranscript({ steps, configs = {}, limits = {} }: Transcript): Promise<TestDeps> {
  const deps = await testDeps({ configs: { 'group.initial.rebalance.delay.ms': '0', ...configs }, limits })
  const stage: Stage = { deps, actors: new Map() }
  for (const step of steps) {
    const lines = typeof step === 'string' ? [step] : step
    const said = await Promise.all(lines.map((line) => runLine(stage, line)))
    expect(said).toEqual(lines.map((line) => line.trim()))
    await checkGroup(deps)
  }
  return deps
}

interface Stage {
  readonly deps: TestDeps
  readonly actors: Map<string, Actor>
}

interface Line {
  readonly who: string
  readonly verb: string
  readonly words: readonly string[]
  readonly options: ReadonlyMap<string, string>
}

const LATER = 'then '

/** Carries out a line, and answers the line as it should read. */
async function runLine(stage: Stage, text: string): Promise<string> {
  const [asked = ''] = text.trim().split(' → ')
  if (asked.endsWith(' ms')) {
    stage.deps.clock.set(stage.deps.clock.nowMs() + Number.parseInt(asked, 10))
    return asked
  }
  const isLater = asked.startsWith(LATER)
  if (isLater) await stage.deps.clock.sleep(500)
  return `${asked} → ${await answerTo(stage, parseLine(isLater ? asked.slice(LATER.length) : asked))}`
}

function parseLine(text: string): Line {
  const [who = '', verb = '', ...rest] = text.split(/ +/)
  const options = rest.filter((word) => word.includes('='))
  return {
    who,
    verb,
    words: rest.filter((word) => !word.includes('=')),
    options: new Map(options.map((word) => [word.replace(/=.*/, ''), word.replace(/^[^=]*=/, '')])),
  }
}

async function answerTo(stage: Stage, line: Line): Promise<string> {
  const deps = otherEnvironment(stage.deps)
  const actor = actorOf(stage, line.who)
  switch (line.verb) {
    case 'join':
      return joinText(stage, await join(deps, actor, joinOptions(stage, line)))
    case 'joins':
      return joinText(stage, await joins(deps, actor, joinOptions(stage, line)))
    case 'sync':
      return syncText(await sync(deps, actor, syncOptions(stage, line)))
    case 'syncs':
      return syncText(await syncs(deps, actor, syncOptions(stage, line)))
    case 'heartbeat':
      return errorText(await beat(deps, actor, syncOptions(stage, line)))
    case 'leave':
      return leaveText(deps, stage, line)
    default:
      throw new Error(`unknown verb ${line.verb}`)
  }
}

function actorOf({ actors }: Stage, name: string): Actor {
  const actor = actors.get(name) ?? newActor(name)
  actors.set(name, actor)
  return actor
}

function memberIdOf(stage: Stage, name: string): string {
  if (name === 'nobody') return ''
  return stage.actors.get(name)?.memberId ?? name
}

function nameOf({ actors }: Stage, memberId: string): string {
  return [...actors.values()].find((actor) => actor.memberId === memberId)?.name ?? memberId
}

function given<Name extends string, T>(
  name: Name,
  value: string | undefined,
  parse: (text: string) => T,
): { [name in Name]?: T } {
  return value === undefined ? {} : ({ [name]: parse(value) } as { [name in Name]?: T })
}

const same = (text: string): string => text

function joinOptions(stage: Stage, { options }: Line): JoinOptions {
  return {
    ...given('groupId', options.get('group'), (text) => (text === 'none' ? '' : text)),
    ...given('memberId', options.get('as'), (name) => memberIdOf(stage, name)),
    ...given('instance', options.get('instance'), same),
    ...given('protocols', options.get('offers'), (text) => text.split(',')),
    ...given('protocolType', options.get('type'), same),
    ...given('sessionMs', options.get('session'), Number),
    ...given('rebalanceMs', options.get('rebalance'), Number),
    ...given('metadata', options.get('metadata'), same),
  }
}

function syncOptions(stage: Stage, { options, words }: Line): SyncOptions {
  const assignments = words.map((word) => {
    const [name = '', assignment = ''] = word.split(':')
    return [memberIdOf(stage, name), assignment] as const
  })
  return {
    ...given('groupId', options.get('group'), (text) => (text === 'none' ? '' : text)),
    ...given('memberId', options.get('as'), (name) => memberIdOf(stage, name)),
    ...given('instance', options.get('instance'), same),
    ...given('generationId', options.get('generation'), Number),
    ...given('protocolType', options.get('type'), same),
    ...given('protocolName', options.get('protocol'), same),
    assignments: Object.fromEntries(assignments),
  }
}

function joinText(stage: Stage, answer: JoinGroupResponse): string {
  if ('errorName' in answer) return errorText(answer)
  const { generationId, protocolName, leader, memberId, members, skipAssignment } = answer
  if (leader !== memberId) return `${generationId} ${protocolName} follows ${nameOf(stage, leader)}`
  const names = members.map((member) => {
    const metadata = textOf(member.metadata)
    const name = nameOf(stage, member.memberId)
    return metadata === name ? name : `${name}(${metadata})`
  })
  const skips = skipAssignment ? ' and keeps its assignment' : ''
  return `${generationId} ${protocolName} leads ${names.sort().join(',')}${skips}`
}

function syncText(answer: Awaited<ReturnType<typeof sync>>): string {
  if ('errorName' in answer) return errorText(answer)
  return textOf(answer.assignment) || 'nothing'
}

function errorText(
  answer: { readonly errorCode: 0 } | (ErrorRow & { readonly retryAfterMs?: number }),
): string {
  if (!('errorName' in answer)) return 'ok'
  return answer.retryAfterMs === undefined ? answer.errorName : `${answer.errorName} again`
}

async function leaveText(deps: TestDeps, stage: Stage, { words, options }: Line): Promise<string> {
  const members = words.map((word) => {
    const [name = '', instance] = word.split('@')
    const memberId = name === '' ? {} : { memberId: memberIdOf(stage, name) }
    return { ...memberId, ...(instance === undefined ? {} : { groupInstanceId: instance }) }
  })
  const group = options.get('group')
  const answer = await leave(deps, members, group === 'none' ? '' : group)
  if ('errorName' in answer) return errorText(answer)
  return answer.members.map((row) => errorText(row)).join(' ')
}
