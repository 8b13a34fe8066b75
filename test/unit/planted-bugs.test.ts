import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { BUGS } from '../sim/bugs.ts'
import { UNSEEN } from '../sim/bugs-unseen.ts'
import { PLANTED, type Planted } from '../sim/explore-planted.ts'
import { mutated } from '../sim/plant.ts'

const ALL = [...BUGS, ...UNSEEN]
const textOf = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')

const byBug = (a: Planted, b: Planted) => a.bug.localeCompare(b.bug)

/** What is said of each bug whose module does not load; in a process of its own, since it loads as Node does. */
function doNotLoad(): Readonly<Record<string, string>> {
  const script = `
    import { importPlanted } from ${JSON.stringify(new URL('../sim/plant-apart.ts', import.meta.url).href)}
    const broken = {}
    for (const { name, file } of ${JSON.stringify(ALL.map(({ name, file }) => ({ name, file })))}) {
      await importPlanted('../../' + file, name).catch((error) => { broken[name] = String(error) })
    }
    process.stdout.write(JSON.stringify(broken))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    encoding: 'utf8',
  })
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout)
}

describe('bugs to plant', () => {
  test.each(ALL)('$name stands in the code as it is', (bug) => {
    const text = textOf(bug.file)
    const changed = mutated(text, bug)
    expect(stripTypeScriptTypes(changed)).not.toBe(stripTypeScriptTypes(text))
  })

  test('every module with a bug in it loads', () => {
    expect(doNotLoad()).toEqual({})
  })

  test('those that no seed shows say which exploration does, and only those', () => {
    const said = UNSEEN.flatMap(({ name, because }) => {
      const [, scenario] = /^shown by exploration: (\w+)$/.exec(because) ?? []
      return scenario === undefined ? [] : [{ scenario, bug: name }]
    })
    const names = new Set(UNSEEN.map(({ name }) => name))
    expect(PLANTED.filter(({ bug }) => names.has(bug)).sort(byBug)).toEqual(said.sort(byBug))
    for (const { because } of UNSEEN)
      expect(because).toMatch(/^(shown by exploration: |covered by |not shown yet: )/)
  })

  test('each has a name of its own', () => {
    expect(new Set(ALL.map(({ name }) => name)).size).toBe(ALL.length)
  })

  test.each([
    { name: 'that is not there', find: 'no such text' },
    { name: 'that stands there twice', find: 'twice' },
  ])('a text $name is not replaced', ({ find }) => {
    const bug = { name: 'bug', rule: 'rule', file: 'file', find, replace: '' }
    expect(() => mutated('twice or twice', bug)).toThrow('stands')
  })
})
