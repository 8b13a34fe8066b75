import { execFileSync } from 'node:child_process'

/** Programs of this machine that some suites need and `npm ci` does not bring. */
export type Program = 'java' | 'python3' | 'curl' | 'openssl'

const VERSION_ARGUMENT = {
  java: '-version',
  python3: '--version',
  curl: '--version',
  openssl: 'version',
} as const

/** Those of `needs` that are not there. */
export function missingPrograms(needs: readonly Program[]): readonly Program[] {
  return needs.filter((program) => !isInstalled(program))
}

function isInstalled(program: Program): boolean {
  try {
    execFileSync(program, [VERSION_ARGUMENT[program]], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
