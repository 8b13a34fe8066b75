/** One row of a table of routes: `{name}` stands for one segment of the path, or for what a segment has before a fixed end. */
export interface RouteRow {
  readonly method: string
  readonly path: string
  /** Names the handler. */
  readonly api: string
}

/** What a path leads to: the handler's name and the path's parameters, or why there is none. */
export type Match =
  | { readonly found: 'api'; readonly api: string; readonly params: Readonly<Record<string, string>> }
  | { readonly found: 'path'; readonly allow: readonly string[] }
  | { readonly found: 'nothing' }

/** Finds the handler for a method and a percent-encoded path; a slash at the end of a path says nothing. */
export type Router = (method: string, path: string) => Match

interface Pattern {
  readonly segments: readonly string[]
  readonly apis: Map<string, string>
}

/** The router of a table of routes. */
export function newRouter(routes: readonly RouteRow[]): Router {
  const fixed = new Map<string, Pattern>()
  const withParams = new Map<string, Pattern>()
  for (const { method, path, api } of routes) {
    const table = path.includes('{') ? withParams : fixed
    const pattern = table.get(path) ?? { segments: path.split('/'), apis: new Map() }
    table.set(path, pattern)
    pattern.apis.set(method, api)
    if (method === 'GET') pattern.apis.set('HEAD', api)
  }
  const patterns = [...withParams.values()]
  return (method, path) => {
    const clean = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
    const pattern = fixed.get(clean)
    if (pattern !== undefined) return matchMethod(pattern, method, {})
    const segments = clean.split('/')
    for (const candidate of patterns) {
      const params = matchSegments(candidate.segments, segments)
      if (params !== undefined) return matchMethod(candidate, method, params)
    }
    return { found: 'nothing' }
  }
}

function matchMethod(pattern: Pattern, method: string, params: Readonly<Record<string, string>>): Match {
  const api = pattern.apis.get(method)
  return api === undefined
    ? { found: 'path', allow: [...pattern.apis.keys()].sort() }
    : { found: 'api', api, params }
}

function matchSegments(
  pattern: readonly string[],
  segments: readonly string[],
): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined
  const params: Record<string, string> = {}
  for (const [index, wanted] of pattern.entries()) {
    const segment = segments[index] ?? ''
    if (wanted.startsWith('{')) {
      const nameEnd = wanted.indexOf('}')
      const value = withoutEnd(decodeSegment(segment), wanted.slice(nameEnd + 1))
      if (value === undefined || value === '') return undefined
      params[wanted.slice(1, nameEnd)] = value
    } else if (segment !== wanted) {
      return undefined
    }
  }
  return params
}

function withoutEnd(segment: string | undefined, end: string): string | undefined {
  return segment?.endsWith(end) ? segment.slice(0, segment.length - end.length) : undefined
}

/** Undefined for bad escapes, which no route has. */
function decodeSegment(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}
