import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { errorLine } from './error-line.ts'
import { isNonsense } from './plant.ts'
import type { Job, Saying } from './zoo-work.ts'

/** A seed that fails, and how. */
export interface Failure {
  readonly seed: number
  readonly problem: string
}

/** A run that says nothing for so long goes round in circles without ever asking its ports. */
const MAX_SILENT_MS = 180_000

/** Processes that run seeds, each one job after the other. */
export interface Pool {
  /**
   * The first seed that fails; undefined when none does. A crash or a standstill is a failure too.
   *
   * @throws Error when the planted text is none that can be run
   */
  run(job: Job): Promise<Failure | undefined>
  close(): void
}

export function newPool(workers: number): Pool {
  const idle: Worker[] = Array.from({ length: workers }, () => newWorker())
  const waiting: ((worker: Worker) => void)[] = []
  let isClosed = false
  const give = (worker: Worker) => {
    const next = waiting.shift()
    if (next !== undefined) next(worker)
    else idle.push(worker)
  }
  return {
    run: async (job) => {
      const free = idle.shift()
      // One that others wait for comes first.
      const wait = (resolve: (worker: Worker) => void) =>
        job.bug === undefined ? waiting.unshift(resolve) : waiting.push(resolve)
      const worker = free ?? (await new Promise<Worker>(wait))
      const saying = await worker.run(job)
      if (isClosed) worker.end()
      else give(saying.isOver ? newWorker() : worker)
      if (saying.error !== undefined) throw new Error(`${job.bug ?? 'clean run'} ${saying.error}`)
      if (saying.failure !== undefined && isNonsense(saying.failure.problem)) {
        throw new Error(`${job.bug ?? 'clean run'} is nonsense: ${saying.failure.problem}`)
      }
      return saying.failure
    },
    close: () => {
      isClosed = true
      for (const worker of idle) worker.end()
    },
  }
}

/** What a worker's job came to; `isOver`: the worker's process is gone with it. */
interface Outcome {
  readonly failure?: Failure
  readonly error?: string
  readonly isOver: boolean
}

interface Worker {
  run(job: Job): Promise<Outcome>
  end(): void
}

/** A process that is started with its first job. */
function newWorker(): Worker {
  let child: ChildProcessWithoutNullStreams | undefined
  const start = () => {
    const { PLANT: _, ...env } = process.env
    const work = fileURLToPath(new URL('./zoo-work.ts', import.meta.url))
    return spawn(process.execPath, [work], { env, stdio: 'pipe' })
  }
  return {
    run: (job) => {
      child ??= start()
      return runJob(child, job)
    },
    end: () => {
      child?.stdin.end()
    },
  }
}

function runJob(child: ChildProcessWithoutNullStreams, job: Job): Promise<Outcome> {
  let seed: number | undefined
  let complaint = ''
  let isSilent = false
  const lines = createInterface({ input: child.stdout })
  const silence = setTimeout(() => {
    isSilent = true
    child.kill('SIGKILL')
  }, MAX_SILENT_MS)
  const complains = (bytes: Buffer) => {
    complaint = `${complaint}${bytes}`.slice(0, 2000)
  }
  return new Promise((resolve) => {
    const end = (outcome: Outcome) => {
      clearTimeout(silence)
      lines.close()
      child.stderr.off('data', complains)
      child.off('close', closed)
      resolve(outcome)
    }
    const closed = (code: number | null) => {
      if (seed === undefined) return end({ error: `did not start: ${errorLine(complaint)}`, isOver: true })
      const crash = `crash: ${errorLine(complaint)} (${code})`
      const problem = isSilent ? 'standstill: a run that asks for nothing any more' : crash
      end({ failure: { seed, problem }, isOver: true })
    }
    lines.on('line', (line) => {
      silence.refresh()
      const saying: Saying = JSON.parse(line)
      if (saying.says === 'begins') seed = saying.seed
      else if (saying.says === 'passes') end({ isOver: false })
      else if (saying.says === 'fails') end({ failure: saying, isOver: false })
      else end({ error: `does not load: ${saying.error}`, isOver: false })
    })
    child.stderr.on('data', complains)
    child.on('close', closed)
    child.stdin.write(`${JSON.stringify(job)}\n`)
  })
}
