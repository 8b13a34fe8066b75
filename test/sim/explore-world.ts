import { KafkaError } from '../../shared/protocol/kafka-error.ts'
import { decodeHead } from '../../shared/store/items/head-item.ts'
import {
  type Call,
  carryOut,
  digest,
  fingerprint,
  isRefused,
  type Outcome,
  type Shared,
} from './explore-calls.ts'
import type { OnWrite } from './explore-ports.ts'
import { newExploredProcess, type Process, processKey, type Reach } from './explore-process.ts'
import type { Scenario } from './explore-scenario.ts'
import type { ExploredStores } from './explore-stores.ts'

/** One thing that may happen next. */
export interface Option {
  readonly what: string
  /** Whose turn it is. */
  readonly actor: string
  happen(): Promise<void>
}

/** One run of a scenario: whatever happens next is for its user to choose. */
export interface World {
  readonly scenario: Scenario
  readonly clusterId: string
  readonly stores: ExploredStores
  readonly problems: string[]
  /** Whether something turned out to be shared: the run is of no worth. */
  isOutdated: boolean
  /** No orders, no faults any more: whatever is asked for is done at once, in the order in which it is. */
  isQuiet: boolean
  faultsLeft: number
  /** Whether an election took anything from the log. */
  wasTruncated: boolean
  onWrite: OnWrite
  onStep: ((what: string) => void) | undefined
  nowMs(): number
  newProcess(actor: string, reach?: Reach): Process
  /** What an actor says of itself for `key`: what its process was told is of no interest once nobody can use it. */
  readonly said: Map<string, string>
  /** Goes on as far as there is nothing to choose; none when everything came to rest. */
  options(): Promise<readonly Option[]>
  /** The same key, the same world: whatever may happen from here on may happen there. */
  key(): string
}

export interface WorldStart {
  readonly scenario: Scenario
  readonly clusterId: string
  readonly stores: ExploredStores
  readonly shared: Shared
  readonly startMs: number
  readonly faults: number
}

export function newWorld({ scenario, clusterId, stores, shared, startMs, faults }: WorldStart): World {
  const processes: Process[] = []
  /** Writes whose callers were told that the outcome is unknown, and that arrive whenever they do. */
  const late: { readonly process: Process; readonly call: Call }[] = []
  let nowMs = startMs

  const written: OnWrite = (key, before, after) => {
    if (key.sk === 'HEAD' && before !== undefined && after !== undefined) {
      world.wasTruncated ||= decodeHead(after).logEndOffset < decodeHead(before).logEndOffset
    }
    world.onWrite(key, before, after)
  }

  const newProcess = (actor: string, reach: Reach = {}): Process => {
    const name = `${actor}${processes.filter((process) => process.actor === actor).length + 1}`
    const logged = (line: string) => world.problems.push(line)
    const around = { scenario, clusterId, stores, nowMs: () => nowMs, onWrite: written, logged }
    const process = newExploredProcess({ name, actor, reach }, around)
    processes.push(process)
    return process
  }

  const tell = (process: Process, call: Call, outcome: Outcome) => {
    process.calls.splice(process.calls.indexOf(call), 1)
    process.told = digest(`${process.told} ${nowMs} ${call.what} ${fingerprint(outcome)}`)
    if ('error' in outcome) call.reject(outcome.error)
    else call.resolve(outcome.value as never)
  }
  const note = (process: Process, call: Call) => {
    if (call.place !== 'ifShared' || world.isQuiet) return
    if (shared.note(process.actor, call)) world.isOutdated = true
  }
  const unknown = (what: string): Outcome => ({
    error: new KafkaError('REQUEST_TIMED_OUT', `no answer to ${what}`),
  })
  const gone = (process: Process, state: 'frozen' | 'crashed') => {
    process.state = state
    for (const give of process.whenGone.splice(0)) give()
  }
  const fault = ({ actor }: Process, what: string, happen: () => void): Option => ({
    what,
    actor,
    happen: async () => {
      world.faultsLeft -= 1
      happen()
    },
  })

  const hasPlace = (call: Call) => {
    if (world.isQuiet || call.place === 'never') return false
    return call.place === 'always' || shared.has(call.touched)
  }
  const mayFail = (call: Call) => call.isWrite && call.place === 'ifShared' && world.faultsLeft > 0

  /** What may become of a call that waits for its turn. */
  const turnOf = (process: Process, call: Call): Option => ({
    actor: process.actor,
    what: `${process.name}: ${call.what}`,
    happen: async () => {
      note(process, call)
      const outcome = await carryOut(call)
      process.hasWritten ||= call.isWrite && !isRefused(outcome)
      // Between a call and its answer only faults make a difference: a process that waits for one answer does nothing else.
      const isApart = call.isWrite && !isRefused(outcome) && (mayFail(call) || process.calls.length > 1)
      if (!isApart) tell(process, call, outcome)
    },
  })
  const faultsBefore = (process: Process, call: Call): readonly Option[] => {
    if (!mayFail(call)) return []
    const what = `${process.name}: ${call.what}`
    // A crash before a later write is one after the write that came before.
    const crash = fault(process, `${process.name} crashes before: ${call.what}`, () =>
      gone(process, 'crashed'),
    )
    return [
      ...(process.hasWritten ? [] : [crash]),
      fault(process, `${process.name} freezes before: ${call.what}`, () => gone(process, 'frozen')),
      fault(process, `${what}, no answer, and it is still under way`, () => {
        late.push({ process, call })
        tell(process, call, unknown(call.what))
      }),
    ]
  }
  const answers = (process: Process, call: Call, outcome: Outcome): readonly Option[] => {
    const answer: Option = {
      actor: process.actor,
      what: `${process.name}: answer to ${call.what}`,
      happen: async () => tell(process, call, outcome),
    }
    if (!mayFail(call)) return [answer]
    return [
      answer,
      fault(process, `${process.name} crashes after: ${call.what}`, () => gone(process, 'crashed')),
      fault(process, `${process.name} freezes after: ${call.what}`, () => gone(process, 'frozen')),
      fault(process, `${process.name}: the answer to ${call.what} is lost`, () =>
        tell(process, call, unknown(call.what)),
      ),
    ]
  }

  /** Carries out all whose place in the order makes no difference; whether there were any. */
  const doWhatIsAlone = async (running: readonly Process[]): Promise<boolean> => {
    const isAborted = (call: Call) => call.signal?.aborted === true
    const alone = running.flatMap((process) =>
      process.calls
        .filter((call) => call.outcome === undefined && (isAborted(call) || !hasPlace(call)))
        .map((call) => ({ process, call })),
    )
    for (const { process, call } of alone) {
      note(process, call)
      world.onStep?.(`        ${process.name}: ${call.what}`)
      const error = new KafkaError('KAFKA_STORAGE_ERROR', `aborted: ${call.what}`)
      if (isAborted(call)) call.outcome = { error }
      else await carryOut(call)
    }
    for (const { process, call } of alone) if (call.outcome !== undefined) tell(process, call, call.outcome)
    return alone.length > 0
  }

  const choices = (running: readonly Process[]): readonly Option[] => {
    for (const process of running) {
      const [only, ...others] = process.calls
      if (only?.outcome !== undefined && others.length === 0) return answers(process, only, only.outcome)
    }
    const turns = running.flatMap((process) =>
      process.calls.flatMap((call) =>
        call.outcome === undefined ? [turnOf(process, call)] : answers(process, call, call.outcome),
      ),
    )
    const arrivals = late.map(
      ({ process, call }): Option => ({
        actor: process.actor,
        what: `${process.name}: ${call.what} arrives late`,
        happen: async () => {
          late.splice(0)
          await carryOut(call)
        },
      }),
    )
    const faults = running.flatMap((process) =>
      process.calls.flatMap((call) => (call.outcome === undefined ? faultsBefore(process, call) : [])),
    )
    const passing = turns.length === 0 && arrivals.length > 0 ? timePasses(running) : undefined
    return [...turns, ...arrivals, ...(passing === undefined ? [] : [passing]), ...faults]
  }

  const timePasses = (running: readonly Process[]): Option | undefined => {
    const timers = running.flatMap((process) => [...process.timers].map((timer) => ({ process, timer })))
    const [first] = timers.sort((a, b) => a.timer.atMs - b.timer.atMs)
    if (first === undefined) return undefined
    const { process, timer } = first
    return {
      actor: process.actor,
      what: `${timer.atMs - nowMs} ms pass, ${process.name} ${timer.what}`,
      happen: async () => {
        nowMs = Math.max(nowMs, timer.atMs)
        process.timers.delete(timer)
        process.told = digest(`${process.told} ${nowMs} ${timer.what}`)
        timer.fire()
      },
    }
  }

  const world: World = {
    scenario,
    clusterId,
    stores,
    problems: [],
    isOutdated: false,
    isQuiet: false,
    faultsLeft: faults,
    wasTruncated: false,
    onWrite: () => undefined,
    onStep: undefined,
    nowMs: () => nowMs,
    newProcess,
    said: new Map(),
    options: async () => {
      for (;;) {
        // Everything that follows from what happened last has come to rest on a port again.
        await new Promise<void>((resolve) => setImmediate(resolve))
        const running = processes.filter(({ state }) => state === 'runs')
        if (await doWhatIsAlone(running)) continue
        const options = choices(running)
        if (options.length > 0) return options
        const passing = timePasses(running)
        if (passing !== undefined) {
          world.onStep?.(`        ${passing.what}`)
          await passing.happen()
          continue
        }
        const frozen = processes.find(({ state }) => state === 'frozen')
        if (frozen === undefined) return []
        world.onStep?.(`        ${frozen.name} thaws`)
        frozen.state = 'runs'
      }
    },
    key: () =>
      digest(
        [
          nowMs,
          world.faultsLeft,
          world.wasTruncated,
          stores.contents(),
          ...late.map(({ process, call }) => `${process.name} ${call.what}`),
          ...[...world.said].map(([actor, said]) => `${actor} ${said}`),
          ...processes.map((process) => processKey(process, world.said.get(process.actor))),
        ].join('\n'),
      ),
  }
  return world
}
