import { expect, test } from 'vitest'
import { soak } from '../soak/soak.ts'

test('clients and the service are killed and storage nodes fail for a while, and the log is as all of them saw it', async () => {
  const said: string[] = []
  const seed = crypto.getRandomValues(new Uint16Array(1))[0] ?? 0
  const { problems, facts } = await soak({ seconds: 20, seed, say: (line) => said.push(line) })
  expect(problems, `seed=${seed} ${said.join('\n')}`).toEqual([])
  for (const met of [
    'send acks=-1 idempotent ok',
    'send acks=-1 ok',
    'poll ok',
    'client kills',
    'service kills',
  ]) {
    expect(facts[met], met).toBeGreaterThan(0)
  }
})
