/** What a failed call is known by: the code of the connection, else the error's name, else what it says. */
export function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // The SDK has no name for what is wrong with its own settings: no region, for one.
  return codeOf(error) || (error.name === 'Error' ? JSON.stringify(error.message) : error.name)
}

/** Node's code of a connection that failed; '' when it is something else. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
