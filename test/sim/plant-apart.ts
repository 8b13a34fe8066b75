import { readFileSync } from 'node:fs'
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { PlantedBug } from './bugs.ts'
import { bugNamed, mutated } from './plant.ts'

/** Modules of ours; what they import from elsewhere is shared by all bugs. */
const ROOT = new URL('../../', import.meta.url).href
const OUTSIDE = new URL('node_modules/', ROOT).href
/** In the address of every module that a bug was planted for. */
const MARK = 'bug'

const stripped = new Map<string, string>()
/** Bugs whose module was loaded with them in it. */
const inPlace = new Set<string>()

registerHooks({
  resolve: (specifier, context, nextResolve) => {
    const resolved = nextResolve(specifier, context)
    const name = markOf(context.parentURL)
    const isOurs = resolved.url.startsWith(ROOT) && !resolved.url.startsWith(OUTSIDE)
    if (name === undefined || !isOurs || markOf(resolved.url) !== undefined) return resolved
    return { ...resolved, url: marked(resolved.url, name) }
  },
  load: (url, context, nextLoad) => {
    const name = markOf(url)
    if (name === undefined) return nextLoad(url, context)
    const file = fileURLToPath(url)
    const bug = name === '' ? undefined : bugNamed(name)
    const isPlace = bug !== undefined && file === fileURLToPath(new URL(bug.file, ROOT))
    return { format: 'module', source: isPlace ? planted(file, bug) : textOfModule(file), shortCircuit: true }
  },
})

/**
 * Loads a module beside this one together with all that it imports once more, with a bug planted in it: one process may
 * have any number of them. With none where `name` is undefined.
 *
 * @throws Error when the planted text is none that can be loaded, or nothing that was loaded has it
 */
export async function importPlanted<T>(specifier: string, name: string | undefined): Promise<T> {
  const module: T = await import(marked(new URL(specifier, import.meta.url).href, name ?? ''))
  if (name === undefined || inPlace.has(name)) return module
  throw new Error(`${name} is not planted: ${bugNamed(name).file} is not loaded`)
}

function marked(url: string, name: string): string {
  return `${url}?${MARK}=${name}`
}

function markOf(url: string | undefined): string | undefined {
  return url?.startsWith(ROOT) === true ? (new URL(url).searchParams.get(MARK) ?? undefined) : undefined
}

function planted(file: string, bug: PlantedBug): string {
  const text = stripTypeScriptTypes(mutated(readFileSync(file, 'utf8'), bug))
  inPlace.add(bug.name)
  return text
}

/** Read and stripped once, for however many bugs. */
function textOfModule(file: string): string {
  const known = stripped.get(file)
  if (known !== undefined) return known
  const text = stripTypeScriptTypes(readFileSync(file, 'utf8'))
  stripped.set(file, text)
  return text
}
