import { execFileSync } from 'node:child_process'
import { test } from 'vitest'

/** Programs of this machine that some suites need and `npm ci` does not bring. */
export type Program = 'java' | 'python3'

const VERSION_ARGUMENT = { java: '-version', python3: '--version' } as const

/**
 * Whether the suite `name` can run. Where it cannot, a skipped test says so by name and lacks; with CI=true that test fails,
 * so that nothing is left out there unseen.
 */
export function canRun(name: string, needs: readonly Program[]): boolean {
  const missing = needs.filter((program) => !isInstalled(program))
  if (missing.length === 0) return true
  const title = `${name}: needs ${missing.join(' and ')}`
  if (process.env.CI === 'true') {
    test(title, () => {
      throw new Error(`suite must not be skipped in CI missing=${missing.join()}`)
    })
  } else {
    test.skip(title, () => undefined)
    process.stderr.write(`SKIPPED ${title}\n`)
  }
  return false
}

function isInstalled(program: Program): boolean {
  try {
    execFileSync(program, [VERSION_ARGUMENT[program]], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
