import assert from 'node:assert/strict'
import { STRATOLOG } from '../support/dev-process.ts'
import { apiAs } from './api.ts'
import { runProgram } from './run-program.ts'
import { commandLineEnvironment, json, type Subject } from './steps.ts'

const values = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_item, index) => `value ${from + index}`)

/** What every tutorial does with a group, by the command line that signs: it joins, commits, falls behind, catches up, and is deleted. */
export async function tourWithGroup(subject: Subject): Promise<void> {
  const topic = `tour-${Date.now()}`
  const group = `group-of-${topic}`
  const environment = commandLineEnvironment(subject)
  const cli = async (args: readonly string[], input: readonly string[] = []) => {
    const lines = input.map((line) => `${line}\n`).join('')
    const said = await runProgram(process.execPath, [STRATOLOG, ...args], { input: lines, environment })
    return String(said).trimEnd().split('\n')
  }
  const produce = (lines: readonly string[]) => cli(['produce', topic], lines)
  const consume = async () => (await cli(['consume', topic, '-g', group, '-e'])).sort()
  const lag = async () => {
    const rows = await cli(['group', 'describe', group])
    const lags = rows.flatMap(
      (row) => new RegExp(`^${group} +${topic} +\\d+ +\\d+ +\\d+ +(\\d+) `).exec(row)?.[1] ?? [],
    )
    return lags.reduce((sum, one) => sum + Number(one), 0)
  }
  await cli(['topic', 'create', topic, '--partitions', '1'])
  await produce(values(1, 10))
  assert.deepEqual(await consume(), values(1, 10).sort())
  await produce(values(11, 13))
  assert.equal(await lag(), 3)
  assert.deepEqual(await consume(), values(11, 13))
  assert.equal(await lag(), 0)
  assert.deepEqual(await cli(['group', 'delete', group]), [`Deleted group ${group}.`])
}

/** What a member does is answered by the function of groups, and only by its grants: a commit without one has no effect. */
export async function groupWithoutGrant(subject: Subject): Promise<void> {
  const { iam } = subject
  const api = apiAs(subject.caller, subject.deployment, subject.curl)
  const group = `denied-${Date.now()}`
  const topic = `${group}-topic`
  const made = await api.post('/v1/create-topics', { topics: [{ name: topic, numPartitions: 1 }] })
  assert.equal(json(made).topics[0].errorCode, 0)
  const commit = async (committedOffset: number) => {
    const topics = [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset }] }]
    const answer = await api.post('/v1/offset-commit', { groupId: group, topics })
    return json(answer).topics[0].partitions[0]
  }
  const committed = async () => {
    const topics = [{ name: topic, partitions: [{ partitionIndex: 0 }] }]
    const answer = await api.post('/v1/offset-fetch', { groupId: group, topics })
    return json(answer).topics[0].partitions[0].committedOffset
  }
  assert.equal((await commit(1)).errorCode, 0)
  const { roleName, policy } = await iam.roleOf('Stratolog-GroupRole')
  const Statement = policy.Statement.filter(({ Action }) => ![Action].flat().includes('dynamodb:UpdateItem'))
  await iam.putRolePolicy(roleName, { ...policy, Statement })
  try {
    const refused = await commit(2)
    assert.equal(refused.effect, 'none', JSON.stringify(refused))
  } finally {
    await iam.putRolePolicy(roleName, policy)
  }
  assert.equal(await committed(), 1)
  assert.equal((await commit(3)).errorCode, 0)
  assert.equal(await committed(), 3)
}
