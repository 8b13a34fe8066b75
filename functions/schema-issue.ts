import type * as z from 'zod'

type Issue = z.core.$ZodIssue

/** A field's name comes from the caller: no more of it than tells which one it is. */
const MAX_NAME_LENGTH = 100

/** The first thing wrong with a body, as `path: fact`: `topics[0].name: expected string, received number`. */
export function describeIssue(error: z.ZodError, root: readonly PropertyKey[] = []): string {
  const [issue] = error.issues
  return issue === undefined ? 'body: is malformed' : describe(issue, root)
}

function describe(issue: Issue, above: readonly PropertyKey[]): string {
  const path = [...above, ...issue.path]
  if (issue.code === 'unrecognized_keys') return `${pathText([...path, issue.keys[0] ?? ''])}: unknown field`
  if (issue.code === 'invalid_union') {
    const closest = closestBranch(issue.errors)
    if (closest !== undefined) return describe(closest, path)
    return `${pathText(path)}: ${alternatives(issue.errors)}`
  }
  return `${pathText(path)}: ${fact(issue)}`
}

/** Of the forms a value may have, the one it was meant to have: that which it fails deeper inside. */
function closestBranch(branches: readonly (readonly Issue[])[]): Issue | undefined {
  const firsts = branches.flatMap(([first]) => (first === undefined ? [] : [first]))
  const deepest = firsts.reduce((a, b) => (depth(b) > depth(a) ? b : a), firsts[0] as Issue)
  if (firsts.length === 1 || depth(deepest) > 0) return deepest
  return firsts.find((first) => first.code === 'invalid_format' || first.code === 'too_big')
}

function depth(issue: Issue): number {
  return issue.path.length + (issue.code === 'unrecognized_keys' ? 1 : 0)
}

function alternatives(branches: readonly (readonly Issue[])[]): string {
  return branches.flatMap(([first]) => (first === undefined ? [] : [fact(first)])).join(', or ')
}

function fact(issue: Issue): string {
  const text = issue.message.replace(/^Invalid (input|option): /, '')
  return text.charAt(0).toLowerCase() + text.slice(1)
}

function pathText(path: readonly PropertyKey[]): string {
  const text = path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part).slice(0, MAX_NAME_LENGTH)}`))
    .join('')
  return text === '' ? 'body' : text.replace(/^\./, '')
}
