// What AWS asks in us-east-1, in US dollars, as known in November 2026.

const MILLION = 1_000_000
/** A GB is billed as 2³⁰ bytes; counting 10⁹ is never too low. */
const GB = 1_000_000_000
const MEBIBYTES_PER_GIBIBYTE = 1024
const MS_PER_SECOND = 1000

export const PRICES = {
  region: 'us-east-1',
  asOf: '2026-11',
  dynamoDbOnDemand: { perMillionWriteUnits: 0.625, perMillionReadUnits: 0.125 },
  s3ExpressOneZone: {
    perMillionPuts: 1.13,
    perMillionGets: 0.03,
    perGbUploaded: 0.0032,
    perGbRetrieved: 0.0006,
  },
  /** On arm64. */
  lambda: { perMillionRequests: 0.2, perGbSecond: 0.0000133334 },
  httpApi: { perMillionRequests: 1, bytesPerRequest: 512 * 1024 },
} as const

/**
 * What a Lambda is billed for one call: the memory of `cdk/functions.ts`, and a time that is assumed, not measured, since no
 * emulator has the latency of AWS: two calls of AWS one after the other, 5 to 8 ms each, and some milliseconds of its own. Where
 * requests differ in what they call one after the other, it is `callMs` for each and `ownMs` once.
 */
export const LAMBDA_ASSUMED = {
  memoryMebibytes: 512,
  produceMs: 20,
  fetchMs: 15,
  callMs: 5,
  ownMs: 5,
} as const

/** How requests come in: HTTP API asks for each, a Function URL for none. */
export type Door = 'httpApi' | 'functionUrl'

/** What one request of ours uses of AWS, on average. */
export interface Use {
  readonly writeUnits: number
  readonly readUnits: number
  readonly puts: number
  readonly gets: number
  /** Bytes sent to and read from S3, all copies counted. */
  readonly uploadedBytes: number
  readonly retrievedBytes: number
  /** Bytes of the request or its answer, whichever is larger. */
  readonly doorBytes: number
  readonly lambdaMs: number
}

/** US dollars for a million requests, by what they are paid for. */
export interface Price {
  readonly dynamoDb: number
  readonly s3Requests: number
  readonly s3Bytes: number
  readonly lambda: number
  readonly door: number
  readonly sum: number
}

/** The price of a million requests. */
export function pricePerMillion(use: Use, door: Door): Price {
  const { dynamoDbOnDemand, s3ExpressOneZone, lambda, httpApi } = PRICES
  const { perMillionWriteUnits, perMillionReadUnits } = dynamoDbOnDemand
  const { perMillionPuts, perMillionGets, perGbUploaded, perGbRetrieved } = s3ExpressOneZone
  const gbSeconds = (LAMBDA_ASSUMED.memoryMebibytes / MEBIBYTES_PER_GIBIBYTE) * (use.lambdaMs / MS_PER_SECOND)
  const parts = {
    dynamoDb: use.writeUnits * perMillionWriteUnits + use.readUnits * perMillionReadUnits,
    s3Requests: use.puts * perMillionPuts + use.gets * perMillionGets,
    s3Bytes: (MILLION / GB) * (use.uploadedBytes * perGbUploaded + use.retrievedBytes * perGbRetrieved),
    lambda: lambda.perMillionRequests + MILLION * gbSeconds * lambda.perGbSecond,
    door:
      door === 'httpApi'
        ? Math.ceil(use.doorBytes / httpApi.bytesPerRequest) * httpApi.perMillionRequests
        : 0,
  }
  return { ...parts, sum: Object.values(parts).reduce((sum, part) => sum + part, 0) }
}
