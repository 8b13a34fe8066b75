import { registerHooks } from 'node:module'
import { BUGS, type PlantedBug } from './bugs.ts'
import { UNSEEN } from './bugs-unseen.ts'

/**
 * Plants one bug: `PLANT=<name> node --import ./test/sim/plant.ts …` runs the product with the named mutation of bugs.ts
 * in place of the text that it removes. The product itself carries no switch for it. Without PLANT nothing is changed. So
 * run the children of an exploration; `npm run sim -- --plant <name>` and the bug zoo plant theirs with plant-apart.ts.
 */
const name = process.env.PLANT
const bug = name === undefined ? undefined : bugNamed(name)
let isPlanted = false

if (bug !== undefined) {
  const url = new URL(`../../${bug.file}`, import.meta.url).href
  registerHooks({
    load: (loaded, context, nextLoad) => {
      const module = nextLoad(loaded, context)
      if (loaded !== url) return module
      isPlanted = true
      return { ...module, source: mutated(textOf(module.source, bug.file), bug) }
    },
  })
  process.on('exit', () => {
    if (isPlanted) return
    process.stderr.write(`${bug.name} was not planted: ${bug.file} was not loaded\n`)
    process.exitCode = 1
  })
}

/** Throws unless `wanted` is what this process runs with. */
export function requirePlanted(wanted: string | undefined): void {
  if (name === wanted && (wanted === undefined || isPlanted)) return
  const place = bug === undefined ? '' : `: ${bug.file} is not loaded`
  throw new Error(`${wanted} is not planted${place}`)
}

/** The module's text with the bug in it. Throws unless the text that it removes stands there exactly once. */
export function mutated(text: string, { name, file, find, replace, imports }: PlantedBug): string {
  const times = text.split(find).length - 1
  if (times !== 1) throw new Error(`${name}: what is to be replaced stands ${times} times in ${file}`)
  const changed = text.replace(find, () => replace)
  return imports === undefined ? changed : `${imports};${changed}`
}

/** The bug of this name; throws where there is none. */
export function bugNamed(wanted: string): PlantedBug {
  const found = [...BUGS, ...UNSEEN].find((known) => known.name === wanted)
  if (found === undefined) throw new Error(`no such bug: ${wanted}`)
  return found
}

/** Whether a run failed in a way that only a planted text which nobody could have meant does. */
export function isNonsense(problem: string): boolean {
  return /ReferenceError|SyntaxError/.test(problem)
}

/** What a loader read of a module. */
export function textOf(source: unknown, file: string): string {
  if (typeof source === 'string') return source
  if (source instanceof Uint8Array) return new TextDecoder().decode(source)
  throw new Error(`no source of ${file}`)
}
