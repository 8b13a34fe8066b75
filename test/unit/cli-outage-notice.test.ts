import { expect, test } from 'vitest'
import { outageNotice, sharedNotice } from '../../cli/outage-notice.ts'
import { StratologError } from '../../client/index.ts'

const failure = (errorName: string, retriable = true) =>
  new StratologError(errorName, 'cannot reach http://a', { retriable, effect: 'none' })
const refused = failure('NETWORK_EXCEPTION')
const well = undefined

test.each([
  {
    name: 'a short outage is not told',
    tries: [
      { at: 0, error: refused },
      { at: 900, error: well },
    ],
    told: [],
  },
  {
    name: 'a longer one is told once, and that it is over',
    tries: [
      { at: 0, error: refused },
      { at: 1000, error: refused },
      { at: 2000, error: refused },
      { at: 3000, error: well },
      { at: 3500, error: well },
    ],
    told: ['1000 warning: cannot reach http://a; trying on', '3000 warning: back'],
  },
  {
    name: 'the next one is told again',
    tries: [
      { at: 0, error: refused },
      { at: 1000, error: refused },
      { at: 2000, error: well },
      { at: 9000, error: refused },
      { at: 9500, error: refused },
      { at: 10_000, error: refused },
    ],
    told: [
      '1000 warning: cannot reach http://a; trying on',
      '2000 warning: back',
      '10000 warning: cannot reach http://a; trying on',
    ],
  },
  {
    name: 'a time-out has taken long enough by itself',
    tries: [{ at: 0, error: failure('REQUEST_TIMED_OUT') }],
    told: ['0 warning: cannot reach http://a; trying on'],
  },
  {
    name: 'what ends the command is not told',
    tries: [
      { at: 0, error: refused },
      { at: 2000, error: failure('INVALID_REQUEST', false) },
    ],
    told: [],
  },
])('$name', ({ tries, told }) => {
  const said: string[] = []
  let nowMs = 0
  const notice = outageNotice({
    say: (text) => said.push(`${nowMs} ${text}`),
    now: () => nowMs,
    over: 'back',
  })
  for (const { at, error } of tries) {
    nowMs = at
    notice(error)
  }
  expect(said).toEqual(told)
})

test('of many that fail at once it is over when the last one does not', () => {
  const told: (string | undefined)[] = []
  const member = sharedNotice((error) => told.push(error?.errorName))
  const [first, second] = [member(), member()]
  first(refused)
  second(refused)
  first(well)
  second(well)
  expect(told).toEqual(['NETWORK_EXCEPTION', 'NETWORK_EXCEPTION', undefined])
})
