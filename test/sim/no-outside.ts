/**
 * Takes away what would make a run depend on anything but its seed: whoever reads the time, draws a number or waits
 * without asking its ports stops the run.
 */
export function forbidOutside(): void {
  const forbid = (target: object, name: string) => {
    Object.defineProperty(target, name, {
      configurable: true,
      get: () => {
        throw new Error(`simulated code uses ${name}`)
      },
    })
  }
  forbid(Math, 'random')
  forbid(Date, 'now')
  forbid(globalThis, 'setTimeout')
  forbid(globalThis, 'setInterval')
  forbid(globalThis, 'fetch')
  forbid(crypto, 'randomUUID')
  forbid(crypto, 'getRandomValues')
}
