import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { describe, expect, test } from 'vitest'
import { BUGS } from '../sim/bugs.ts'
import { mutated } from '../sim/plant.ts'

const textOf = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')

describe('bugs to plant', () => {
  test.each(BUGS)('$name stands in the code as it is', (bug) => {
    const text = textOf(bug.file)
    const changed = mutated(text, bug)
    expect(stripTypeScriptTypes(changed)).not.toBe(stripTypeScriptTypes(text))
  })

  test('each has a name of its own', () => {
    expect(new Set(BUGS.map(({ name }) => name)).size).toBe(BUGS.length)
  })

  test.each([
    { name: 'that is not there', find: 'no such text' },
    { name: 'that stands there twice', find: 'twice' },
  ])('a text $name is not replaced', ({ find }) => {
    const bug = { name: 'bug', rule: 'rule', file: 'file', find, replace: '' }
    expect(() => mutated('twice or twice', bug)).toThrow('stands')
  })
})
