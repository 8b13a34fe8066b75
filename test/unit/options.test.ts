import { describe, expect, test } from 'vitest'
import { MAX_SEED, type Option, parseOptions, type Tool } from '../support/options.ts'

const TOOL = {
  command: 'npm run tool --',
  about: 'Does something.',
  options: {
    seeds: { takes: 'number', min: 1, max: MAX_SEED, default: 300, help: 'seeds' },
    replay: { takes: 'number', min: 0, max: MAX_SEED, help: 'one seed', notWith: ['seeds'] },
    only: { takes: 'names', of: 'scenario', known: ['C1', 'C2'], help: 'scenarios' },
    plant: { takes: 'name', of: 'bug', known: ['hole'], help: 'a bug' },
    planted: { takes: 'nothing', help: 'with bugs' },
    bug: { takes: 'names', of: 'bug', known: ['hole'], help: 'bugs', onlyWith: 'planted' },
    work: { takes: 'nothing' },
  },
} as const satisfies Tool<Readonly<Record<string, Option>>>

const firstLine = (args: readonly string[]) => {
  const parsed = parseOptions(TOOL, args)
  return parsed.outcome === 'values' ? 'taken' : parsed.text.split('\n')[0]
}

describe('options of the test tools', () => {
  test('what is not given has its default, or is absent', () => {
    expect(parseOptions(TOOL, [])).toEqual({
      outcome: 'values',
      values: { seeds: 300, planted: false, work: false },
    })
  })

  test('what is given is read as what it is', () => {
    const args = ['--seeds=7', '--only', 'C1', '--only', 'C2', '--plant', 'hole', '--planted', '--work']
    const values = { seeds: 7, only: ['C1', 'C2'], plant: 'hole', planted: true, work: true }
    expect(parseOptions(TOOL, args)).toEqual({ outcome: 'values', values })
    expect(parseOptions(TOOL, ['--replay', '0'])).toMatchObject({ values: { replay: 0 } })
  })

  test.each([
    { args: ['--seeds', 'abc'], why: '--seeds must be a whole number of 1 to 4294967295: abc' },
    { args: ['--seeds', '0'], why: '--seeds must be a whole number of 1 to 4294967295: 0' },
    { args: ['--seeds', '1.5'], why: '--seeds must be a whole number of 1 to 4294967295: 1.5' },
    { args: ['--seeds=-1'], why: '--seeds must be a whole number of 1 to 4294967295: -1' },
    { args: ['--seeds', '1e3'], why: '--seeds must be a whole number of 1 to 4294967295: 1e3' },
    { args: ['--seeds', '4294967296'], why: '--seeds must be a whole number of 1 to 4294967295: 4294967296' },
    { args: ['--seeds='], why: '--seeds must be a whole number of 1 to 4294967295: ' },
    { args: ['--seeds'], why: '--seeds must be a whole number of 1 to 4294967295: nothing' },
    { args: ['--seeds', '1', '--seeds', '2'], why: '--seeds is given twice' },
    { args: ['--replay', '1', '--seeds', '2'], why: '--replay does not go with --seeds' },
    { args: ['--only', 'nosuch'], why: 'no such scenario: nosuch; there are C1, C2' },
    { args: ['--plant', 'nosuch'], why: 'no such bug: nosuch; there are hole' },
    { args: ['--bug', 'hole'], why: '--bug needs --planted' },
    { args: ['--planted=yes'], why: '--planted takes nothing' },
    { args: ['--sedes', '3'], why: 'no such option: --sedes; there are --seeds, --replay, --only, --plant' },
    { args: ['-x'], why: 'no such option: -x; there are --seeds, --replay, --only, --plant, --planted' },
    { args: ['--toString'], why: 'no such option: --toString; there are --seeds' },
    { args: ['300'], why: 'not an option: 300' },
  ])('$args is refused', ({ args, why }) => {
    expect(parseOptions(TOOL, args).outcome).toBe('refused')
    expect(firstLine(args)).toContain(why)
  })

  test('a refusal shows the usage, and the help the defaults, the ranges and nothing of the tool itself', () => {
    const refused = parseOptions(TOOL, ['--nosuch'])
    expect(refused).toMatchObject({ text: expect.stringContaining('usage: npm run tool -- [--seeds N]') })
    const help = parseOptions(TOOL, ['--help'])
    expect(help).toMatchObject({ outcome: 'help', text: expect.stringContaining('default 300') })
    expect(help).toMatchObject({ text: expect.not.stringContaining('--work') })
  })
})
