import { expect, test } from 'vitest'
import { checkHistory } from '../sim/checker.ts'
import type { Operation, Place } from '../sim/history.ts'

const KEY = 't/0'
const operation = (more: Partial<Operation>): Operation => ({
  process: 'p',
  f: 'send',
  key: KEY,
  acks: -1,
  isIdempotent: false,
  invokedAt: 0,
  completedAt: 1,
  type: 'ok',
  values: [],
  ...more,
})
const send = (at: number, values: readonly Place[], more: Partial<Operation> = {}) =>
  operation({ invokedAt: at, completedAt: at + 1, values, ...more })
const poll = (at: number, values: readonly Place[], more: Partial<Operation> = {}) =>
  operation({ process: 'c', f: 'poll', invokedAt: at, completedAt: at + 1, values, ...more })
const end = (at: number, endOffset: number) =>
  operation({ process: 'e', f: 'end-offset', invokedAt: at, completedAt: at + 1, endOffset })

const logOf = (...values: string[]) => new Map(values.map((value, offset) => [offset, value]))
const sent = send(0, [[0, 'a']])
const second = send(2, [[1, 'b']])

interface Case {
  readonly name: string
  readonly operations: readonly Operation[]
  readonly final?: ReadonlyMap<number, string>
  readonly lost?: number
  readonly truncated?: { readonly toOffset: number; readonly at: number }
}

function anomalies({ operations, final = logOf('a', 'b'), lost, truncated }: Case): readonly string[] {
  const losses = new Map(lost === undefined ? [] : [[KEY, lost]])
  const truncations = truncated === undefined ? [] : [{ key: KEY, ...truncated }]
  const found = checkHistory({ operations, final: new Map([[KEY, final]]), losses, truncations })
  return [...new Set(found.map(({ name }) => name))]
}

test('clients that saw what one log can show them saw nothing wrong', () => {
  const operations = [
    sent,
    second,
    send(4, [[null, 'c']], { type: 'info', process: 'q' }),
    send(4, [[null, 'd']], { type: 'fail', process: 'r' }),
    send(6, [[5, 'e']], { acks: 1, process: 's' }),
    poll(3, [[0, 'a']], { endOffset: 2 }),
    poll(5, [[1, 'b']], { endOffset: 2 }),
    poll(7, [[0, 'a']], { process: 'c2', endOffset: 3 }),
    end(8, 3),
  ]
  const truncated = { toOffset: 3, at: 9 }
  expect(anomalies({ name: '', operations, final: logOf('a', 'b', 'c'), truncated })).toEqual([])
})

test('what lies beyond an unclean election is not missed, and who reads on was told', () => {
  const operations = [
    sent,
    second,
    poll(4, [[1, 'b']]),
    end(6, 2),
    end(8, 1),
    poll(9, [[1, 'c']], { process: 'c2' }),
  ]
  const resent = send(8, [[1, 'c']])
  expect(
    anomalies({ name: '', operations: [...operations, resent], final: logOf('a', 'c'), lost: 1 }),
  ).toEqual([])
})

test('of a topic that is gone nothing is missed in the end', () => {
  const history = { operations: [sent, second], losses: new Map(), truncations: [] }
  expect(checkHistory({ ...history, final: new Map() })).toEqual([])
})

test.each<Case>([
  { name: 'phantom-read', operations: [sent, second, poll(4, [[0, 'x']])] },
  { name: 'inconsistent-offsets', operations: [sent, second, poll(4, [[0, 'b']])] },
  { name: 'duplicate', operations: [sent, second, poll(4, [[1, 'a']])] },
  { name: 'G1a', operations: [send(0, [[null, 'a']], { type: 'fail' }), poll(4, [[0, 'a']])] },
  {
    name: 'poll-skip',
    operations: [
      sent,
      second,
      send(4, [[2, 'c']]),
      poll(6, [
        [0, 'a'],
        [2, 'c'],
      ]),
    ],
    final: logOf('a', 'b', 'c'),
  },
  { name: 'nonmonotonic-poll', operations: [sent, second, poll(4, [[1, 'b']]), poll(6, [[0, 'a']])] },
  { name: 'nonmonotonic-send', operations: [send(0, [[1, 'b']]), send(0, [[0, 'a']])] },
  {
    name: 'realtime-inversion',
    operations: [send(0, [[1, 'b']]), send(2, [[0, 'a']], { process: 'q' })],
  },
  { name: 'stale-end', operations: [sent, second, end(4, 1)] },
  { name: 'stale-end', operations: [sent, second, end(4, 2), poll(6, [], { endOffset: 1 })] },
  { name: 'vanished-read', operations: [sent, second, poll(4, [[1, 'b']])], final: logOf('a') },
  { name: 'final-lost', operations: [sent, second], final: logOf('a') },
  { name: 'ack-offset-mismatch', operations: [sent, second], final: logOf('b', 'a') },
  { name: 'final-aborted', operations: [send(0, [[null, 'a']], { type: 'fail' })] },
  { name: 'final-duplicate', operations: [sent], final: logOf('a', 'a') },
  { name: 'offset-gap', operations: [sent], final: new Map([[0, 'a']]).set(2, 'b') },
  {
    name: 'torn',
    operations: [
      send(
        0,
        [
          [null, 'a'],
          [null, 'z'],
        ],
        { type: 'info' },
      ),
    ],
  },
  {
    name: 'lost-write',
    operations: [sent, second, poll(4, [[1, 'b']])],
  },
  { name: 'G1c', operations: [sent, poll(1, [[1, 'b']], { completedAt: 2 }), send(3, [[1, 'b']])] },
  { name: 'beyond-end', operations: [sent, poll(4, [[0, 'a']], { endOffset: 0 })] },
  { name: 'weak-lost', operations: [sent, second, send(4, [[2, 'c']], { acks: 1 })] },
  {
    name: 'weak-lost',
    operations: [sent, second, send(4, [[2, 'c']], { acks: 1 })],
    truncated: { toOffset: 3, at: 9 },
  },
  {
    name: 'weak-lost',
    operations: [sent, second, send(4, [[2, 'c']], { acks: 1 })],
    truncated: { toOffset: 2, at: 3 },
  },
  { name: 'final-phantom', operations: [sent], final: logOf('a', 'x') },
  { name: 'final-order', operations: [sent, second], final: new Map([[1, 'b']]).set(0, 'a') },
  {
    name: 'final-lost',
    operations: [send(0, [[null, 'a']], { type: 'info' }), poll(2, [[0, 'a']])],
    final: new Map(),
  },
  { name: 'final-lost', operations: [sent, second], final: new Map([[1, 'b']]), lost: 1 },
  { name: 'vanished-read', operations: [sent, poll(4, [[0, 'a']])], final: logOf('b'), lost: 1 },
  { name: 'inconsistent-offsets', operations: [sent, second, poll(4, [[0, 'b']])], lost: 1 },
  { name: 'stale-end', operations: [sent, second, end(4, 0)], lost: 1 },
  {
    name: 'silent-truncation',
    operations: [sent, poll(4, [[1, 'x']]), poll(6, [[1, 'b']])],
    lost: 1,
    truncated: { toOffset: 1, at: 5 },
  },
])('$name is found', (given) => {
  expect(anomalies(given)).toContain(given.name)
})

test('what is truncated later, and then lies where it lay, was read on without being told', () => {
  const operations = [sent, poll(4, [[0, 'x']]), poll(6, [[1, 'b']])]
  const truncated = { toOffset: 0, at: 9 }
  expect(anomalies({ name: '', operations, lost: 0, truncated })).not.toContain('silent-truncation')
})

test('an end that was told while the other was on its way is not stale', () => {
  expect(
    anomalies({ name: '', operations: [sent, send(2, [[1, 'b']], { completedAt: 9 }), end(8, 1)] }),
  ).toEqual([])
})
