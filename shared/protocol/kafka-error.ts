import { type Effect, ERRORS, type ErrorName } from './error-table.ts'

/** REST numbers by HTTP status, where the general rule `status = number` does not hold (REST Proxy v2). */
const REST_CODES: Readonly<Record<number, number>> = {
  400: 40002,
  401: 40101,
  403: 40301,
  404: 40401,
  500: 50002,
  503: 50003,
}

interface KafkaErrorOptions {
  readonly cause?: unknown
  /** The REST number to answer with, where it says more than the error's own (`40402`: the partition, not the topic). */
  readonly restCode?: number
}

/** The one error of this project. A whole request fails by throwing it; a partition fails by `errorRow`. */
export class KafkaError extends Error {
  override readonly name = 'KafkaError'
  readonly errorName: ErrorName
  /** Number in the HTTP error envelope: `40401`, or the HTTP status itself. */
  readonly restCode: number
  /** HTTP status when this error is the whole answer. */
  readonly httpStatus: number

  constructor(errorName: ErrorName, message: string, options: KafkaErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    const { httpStatus } = ERRORS[errorName]
    this.errorName = errorName
    this.restCode = options.restCode ?? REST_CODES[httpStatus] ?? httpStatus
    this.httpStatus = options.restCode === undefined ? httpStatus : statusOf(options.restCode)
  }

  get code(): number {
    return ERRORS[this.errorName].code
  }

  get retriable(): boolean {
    return ERRORS[this.errorName].retriable
  }

  get effect(): Effect {
    return ERRORS[this.errorName].effect
  }
}

/** `404` for the REST numbers `404` and `40402`. Only the table's own numbers are not of this form: 50003 is a 503. */
function statusOf(restCode: number): number {
  return restCode >= 1000 ? Math.floor(restCode / 100) : restCode
}

/** How one partition, topic or resource fails inside an answer whose HTTP status is 200. */
export interface ErrorRow {
  readonly errorCode: number
  readonly errorName: ErrorName
  readonly errorMessage: string
  readonly retriable: boolean
  readonly effect: Effect
}

/** The row that says what `error` says. */
export function errorRow(error: KafkaError): ErrorRow {
  return {
    errorCode: error.code,
    errorName: error.errorName,
    errorMessage: error.message,
    retriable: error.retriable,
    effect: error.effect,
  }
}

/** What succeeded in an answer of rows. */
export const NO_ERROR = { errorCode: 0 } as const

/**
 * Stops on a broken invariant of our own: a bug, never bad input.
 *
 * @throws KafkaError UNKNOWN_SERVER_ERROR when `condition` is false
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new KafkaError('UNKNOWN_SERVER_ERROR', message)
}
