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
  forbid(performance, 'now')
  forbid(process, 'hrtime')
  forbid(AbortSignal, 'timeout')
  forbid(globalThis, 'setTimeout')
  forbid(globalThis, 'setInterval')
  forbid(globalThis, 'fetch')
  forbid(crypto, 'randomUUID')
  forbid(crypto, 'getRandomValues')
  globalThis.Date = new Proxy(Date, {
    construct: (date, given: readonly unknown[]) => {
      if (given.length === 0) throw new Error('simulated code uses the present Date')
      return Reflect.construct(date, given)
    },
    apply: () => {
      throw new Error('simulated code uses the present Date')
    },
  })
}
