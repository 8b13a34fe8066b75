import { test } from 'vitest'
import { missingPrograms, type Program } from './programs.ts'

/**
 * Whether the suite `name` can run. Where it cannot, a skipped test says so by name and lacks; with CI=true that test fails,
 * so that nothing is left out there unseen.
 */
export function canRun(name: string, needs: readonly Program[]): boolean {
  const missing = missingPrograms(needs)
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
