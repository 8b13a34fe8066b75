import { parseArgs } from 'node:util'

/** The largest seed: beyond it the generator begins again with 0. */
export const MAX_SEED = 2 ** 32 - 1

/** A whole number of `min` to `max`, of which `help` says the unit. */
interface NumberOption {
  readonly takes: 'number'
  readonly min: number
  readonly max: number
  readonly default?: number
}

/** One of these names, or several where the option is given several times. */
interface NamesOption {
  readonly takes: 'name' | 'names'
  /** What they are names of. */
  readonly of: string
  readonly known: readonly string[]
}

interface FlagOption {
  readonly takes: 'nothing'
}

/** One option of a tool. */
export type Option = (NumberOption | NamesOption | FlagOption) & {
  /** What it is for; without it the option is the tool's own, for the processes that it starts. */
  readonly help?: string
  /** Options that make no sense beside it. */
  readonly notWith?: readonly string[]
  /** An option without which it makes no sense. */
  readonly onlyWith?: string
}

/** How a tool is started: what stands before its options, and the options. */
export interface Tool<O extends Readonly<Record<string, Option>>> {
  readonly command: string
  readonly about: string
  readonly options: O
}

type ValueOf<T extends Option> = T extends { readonly takes: 'nothing' }
  ? boolean
  : T extends { readonly takes: 'names' }
    ? readonly string[] | undefined
    : T extends { readonly takes: 'name' }
      ? string | undefined
      : T extends { readonly default: number }
        ? number
        : number | undefined

/** What was asked for: defaults stand where nothing was given. */
export type Values<O extends Readonly<Record<string, Option>>> = { readonly [K in keyof O]: ValueOf<O[K]> }

/** What a command line came to. */
export type Parsed<O extends Readonly<Record<string, Option>>> =
  | { readonly outcome: 'values'; readonly values: Values<O> }
  | { readonly outcome: 'help' | 'refused'; readonly text: string }

/** The options of this process. It ends here with its help, or with 2 where they cannot be meant. */
export function optionsOf<const O extends Readonly<Record<string, Option>>>(tool: Tool<O>): Values<O> {
  // `… | head`: nobody reads on.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit()
  })
  const parsed = parseOptions(tool, process.argv.slice(2))
  if (parsed.outcome === 'values') return parsed.values
  if (parsed.outcome === 'help') process.stdout.write(parsed.text)
  else process.stderr.write(parsed.text)
  return process.exit(parsed.outcome === 'help' ? 0 : 2)
}

/** Reads a command line; refuses whatever the tool would have to guess at. */
export function parseOptions<const O extends Readonly<Record<string, Option>>>(
  tool: Tool<O>,
  args: readonly string[],
): Parsed<O> {
  const options: Readonly<Record<string, Option>> = tool.options
  const { tokens } = parseArgs({ args: [...args], options: typesOf(options), strict: false, tokens: true })
  const given = new Map<string, string[]>()
  const refused = (why: string): Parsed<O> => ({ outcome: 'refused', text: `${why}\n${usageOf(tool)}` })
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue
    if (token.kind === 'positional') return refused(`not an option: ${token.value}`)
    if (token.name === 'help') return { outcome: 'help', text: helpOf(tool) }
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined
    if (option === undefined)
      return refused(`no such option: ${token.rawName}; there are ${namesOf(options)}`)
    const why = brokenValue(token.rawName, option, token.value)
    if (why !== undefined) return refused(why)
    const before = given.get(token.name) ?? []
    if (before.length > 0 && option.takes !== 'names') return refused(`--${token.name} is given twice`)
    given.set(token.name, [...before, token.value ?? ''])
  }
  for (const name of given.keys()) {
    const { notWith = [], onlyWith } = options[name] ?? {}
    const other = notWith.find((one) => given.has(one))
    if (other !== undefined) return refused(`--${name} does not go with --${other}`)
    if (onlyWith !== undefined && !given.has(onlyWith)) return refused(`--${name} needs --${onlyWith}`)
  }
  const values = Object.entries(options).map(([name, option]) => [name, taken(option, given.get(name))])
  return { outcome: 'values', values: Object.fromEntries(values) }
}

function typesOf(options: Readonly<Record<string, Option>>) {
  const types = Object.entries(options).map(
    ([name, { takes }]) => [name, { type: takes === 'nothing' ? 'boolean' : 'string' }] as const,
  )
  return Object.fromEntries(types)
}

/** What is wrong with what an option was given. */
function brokenValue(name: string, option: Option, value: string | undefined): string | undefined {
  if (option.takes === 'nothing') return value === undefined ? undefined : `${name} takes nothing`
  if (option.takes === 'number') {
    const number = /^\d+$/.test(value ?? '') ? Number(value) : Number.NaN
    if (number >= option.min && number <= option.max) return undefined
    return `${name} must be a whole number of ${option.min} to ${option.max}: ${value ?? 'nothing'}`
  }
  if (value !== undefined && option.known.includes(value)) return undefined
  return `no such ${option.of}: ${value ?? 'nothing'}; there are ${option.known.join(', ')}`
}

function taken(
  option: Option,
  given: readonly string[] | undefined,
): boolean | number | string | readonly string[] | undefined {
  switch (option.takes) {
    case 'nothing':
      return given !== undefined
    case 'names':
      return given
    case 'name':
      return given?.[0]
    case 'number':
      return given === undefined ? option.default : Number(given[0])
  }
}

function shown(options: Readonly<Record<string, Option>>): readonly (readonly [string, Option])[] {
  return Object.entries(options).filter(([, { help }]) => help !== undefined)
}

function namesOf(options: Readonly<Record<string, Option>>): string {
  return [...shown(options).map(([name]) => `--${name}`), '--help'].join(', ')
}

/** The option and what it takes: `--seeds N`. */
function formOf([name, { takes }]: readonly [string, Option]): string {
  const value = { number: ' N', name: ' NAME', names: ' NAME', nothing: '' }[takes]
  return `--${name}${value}`
}

function usageOf<O extends Readonly<Record<string, Option>>>({ command, options }: Tool<O>): string {
  const forms = shown(options).map(
    (option) => `[${formOf(option)}]${option[1].takes === 'names' ? '...' : ''}`,
  )
  return `usage: ${command} ${forms.join(' ')}\n`
}

function helpOf<O extends Readonly<Record<string, Option>>>(tool: Tool<O>): string {
  const lines = shown(tool.options).map((entry) => {
    const [, option] = entry
    const fallback = option.takes === 'number' && option.default !== undefined
    const notes = [
      ...(option.takes === 'number' ? [`${option.min} to ${option.max}`] : []),
      ...(fallback ? [`default ${option.default}`] : []),
      ...(option.takes === 'names' ? ['any number of times'] : []),
      ...(option.onlyWith === undefined ? [] : [`only with --${option.onlyWith}`]),
    ]
    return `  ${formOf(entry).padEnd(16)} ${option.help}${notes.length > 0 ? ` (${notes.join('; ')})` : ''}\n`
  })
  return `${usageOf(tool)}\n${tool.about}\n\n${lines.join('')}`
}
