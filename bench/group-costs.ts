/**
 * Counts and prices what a stable group of the SDK's consumers asks of AWS in a month, and what one of them does that finds
 * nothing: the real consumer and services on a model clock, over the embedded store in memory. Fails when that is over budget.
 */
import { countGroup, type GroupLoad, type GroupUse, type GroupUses } from './group-month-counts.ts'
import { parseOptions } from './parse-options.ts'
import { type Door, PRICES, type Price, pricePerMillion } from './prices.ts'
import { print } from './print-table.ts'

const values = parseOptions('npm run bench:group-costs -- [--json]', {
  json: { type: 'boolean', default: false },
})

const SECONDS_PER_MONTH = 730 * 3600
const MILLION = 1_000_000
/** Of an idle consumer, in US dollars a month (design: cost budgets). */
const BUDGET: Readonly<Record<Door, number>> = { httpApi: 1.3, functionUrl: 0.5 }

const IDLE = { members: 3, partitions: 3, recordsPerSecond: 0, fetchMaxWaitMs: 500, seconds: 3600 }
const BUSY = { ...IDLE, recordsPerSecond: 1, seconds: 300 }
const LOADS: readonly (GroupLoad & { readonly name: string })[] = [
  { name: 'an idle consumer of a stable group of 3, with a partition each', ...IDLE },
  { name: 'the same with 4 partitions each', ...IDLE, partitions: 12 },
  { name: 'an idle consumer that is alone in its group', ...IDLE, members: 1, partitions: 1 },
  { name: 'a consumer of 3, a record per second in its partition', ...BUSY },
  { name: 'the same with fetchMaxWaitMs 0', ...BUSY, fetchMaxWaitMs: 0 },
]

const counted: { readonly load: (typeof LOADS)[number]; readonly rows: readonly Row[] }[] = []
for (const load of LOADS) counted.push({ load, rows: monthOf(load, await countGroup(load)) })

if (values.json) console.log(JSON.stringify(counted.map(({ load, rows }) => ({ ...load, rows }))))
else for (const { load, rows } of counted) printMonth(load.name, rows)

const [idle] = counted
for (const door of ['functionUrl', 'httpApi'] as const) {
  const spent = dollars(idle?.rows ?? [], door)
  if (spent <= BUDGET[door]) continue
  console.error(`over budget: an idle consumer door=${door} spent=${spent.toFixed(3)} budget=${BUDGET[door]}`)
  process.exitCode = 1
}
process.exit()

/** What requests of one kind come to in a month, for one member. */
interface Row extends GroupUse {
  readonly kind: string
  readonly price: Readonly<Record<Door, Price>>
}

function monthOf({ members, seconds }: GroupLoad, uses: GroupUses): readonly Row[] {
  const factor = SECONDS_PER_MONTH / seconds / members
  return [...uses].map(([kind, use]) => {
    const month = Object.fromEntries(
      Object.entries(use).map(([name, amount]) => [name, amount * factor]),
    ) as unknown as GroupUse
    const { requests, writeUnits, readUnits, gets, retrievedBytes, lambdaMs } = month
    // What is not asked for by a request has no share in the price of requests.
    const per = Math.max(requests, 1)
    const average = {
      writeUnits: writeUnits / per,
      readUnits: readUnits / per,
      puts: 0,
      gets: gets / per,
      uploadedBytes: 0,
      retrievedBytes: retrievedBytes / per,
      doorBytes: 1,
      lambdaMs: lambdaMs / per,
    }
    const price = (door: Door) => {
      const million = pricePerMillion(average, door)
      return Object.fromEntries(
        Object.entries(million).map(([part, amount]) => [part, (amount * per) / MILLION]),
      ) as unknown as Price
    }
    return { kind, ...month, price: { httpApi: price('httpApi'), functionUrl: price('functionUrl') } }
  })
}

function dollars(rows: readonly Row[], door: Door): number {
  return rows.reduce((sum, { price }) => sum + price[door].sum, 0)
}

function printMonth(name: string, rows: readonly Row[]): void {
  const whole = (amount: number) => Math.round(amount).toLocaleString('en-US')
  const cents = (amount: number) => amount.toFixed(3)
  const row = (kind: string, rowsOf: readonly Row[]) => {
    const sum = (of: (row: Row) => number) => rowsOf.reduce((all, one) => all + of(one), 0)
    const s3 = ({ price: { httpApi } }: Row) => httpApi.s3Requests + httpApi.s3Bytes
    return [
      kind,
      ...[
        (one: Row) => one.requests,
        (one: Row) => one.writeUnits,
        (one: Row) => one.readUnits,
        (one: Row) => one.lambdaMs / 1000 / 2,
      ].map((of) => whole(sum(of))),
      ...[
        (one: Row) => one.price.httpApi.dynamoDb,
        s3,
        (one: Row) => one.price.httpApi.lambda,
        (one: Row) => one.price.httpApi.door,
        (one: Row) => one.price.functionUrl.sum,
        (one: Row) => one.price.httpApi.sum,
      ].map((of) => cents(sum(of))),
    ]
  }
  console.log(`${name}: a month of 730 hours in ${PRICES.region}, ${PRICES.asOf}, $`)
  print([
    [
      '',
      'requests',
      'write units',
      'read units',
      'GB-s',
      'DynamoDB',
      'S3',
      'Lambda',
      'HTTP API',
      'by Function URL',
      'by HTTP API',
    ],
    ...rows.map((one) => row(one.kind, [one])),
    row('all', rows),
  ])
}
