import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const QUICKSTART = fileURLToPath(new URL('../../examples/quickstart.sh', import.meta.url))

/** What was printed behind each command of the tour. */
function outputs(text: string): ReadonlyMap<string, readonly string[]> {
  const parts = text.split('\n$ ').map((part) => part.trimEnd().split('\n'))
  return new Map(parts.slice(1).map(([command = '', ...lines], index) => [`${index} ${command}`, lines]))
}

test('the tour of every tutorial works as it is typed', async () => {
  const { STRATOLOG_ENDPOINT: _, ...env } = process.env
  const { stdout } = await promisify(execFile)('bash', [QUICKSTART], { env })
  const shown = [...outputs(stdout)]
  const of = (command: string) =>
    shown.filter(([name]) => name.includes(`stratolog ${command}`)).map(([, lines]) => lines)

  expect(shown.map(([name]) => name).join()).toContain("stratolog consume t1 -p 1 -e -f '%p %o %k %v\\n'") // as it is typed
  expect(of('topic list')[0]).toEqual(['TOPIC  PARTITIONS  REPLICAS', 't1     3           2'])
  const values = Array.from({ length: 10 }, (_item, index) => `value ${index + 1}`)
  const [fromBeginning, onePartition, inGroup, onlyNew, again] = of('consume')
  expect(fromBeginning?.toSorted()).toEqual(values.toSorted())
  expect(onePartition?.every((line) => line.startsWith('1 '))).toBe(true)
  expect(inGroup?.map((line) => line.replace(/^\d \d+ \S+ /, '')).toSorted()).toEqual(values.toSorted())
  expect(onlyNew).toHaveLength(3)
  expect(again).toHaveLength(2)

  const lags = of('group describe').map((lines) =>
    lines.flatMap((line) => /^g-t1 +t1 +\d+ +\d+ +\d+ +(\d+) /.exec(line)?.[1] ?? []).map(Number),
  )
  expect(lags.map((rows) => rows.reduce((sum, lag) => sum + lag, 0))).toEqual([3, 0])
})
