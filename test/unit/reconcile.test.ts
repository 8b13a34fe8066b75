import { describe, expect, test } from 'vitest'
import type { Head } from '../../shared/core/head.ts'
import { isOnLiveNode, laggards, nextStep, type Step, type View } from '../../shared/core/reconcile.ts'
import { newStorageNode, type StorageNode } from '../../shared/core/storage-node.ts'
import { headWith } from '../support/heads.ts'

const NOW = 100_000
const DOWN = { state: 'DOWN' } as const
const WIPED = { state: 'RECOVERING', incarnation: 2 } as const

const nodesWith = (changes: Readonly<Record<number, Partial<StorageNode>>>): View['nodes'] =>
  new Map(
    [0, 1, 2].map((nodeId) => [
      nodeId,
      { ...newStorageNode({ zone: `z${nodeId}`, incarnationId: `i${nodeId}` }), ...changes[nodeId] },
    ]),
  )
const viewWith = (
  nodes: Readonly<Record<number, Partial<StorageNode>>> = {},
  changes: Partial<View> = {},
): View => ({
  nodes: nodesWith(nodes),
  nowMs: NOW,
  maxLagMs: 10_000,
  uncleanAllowed: false,
  minIsr: 2,
  ...changes,
})
const whole = (changes: Partial<Head> = {}) => headWith({ logEndOffset: 200, highWatermark: 200, ...changes })
const outside = (changes: Partial<Head> = {}) =>
  whole({ isr: ['0.1', '1.1'], holeStart: { '2.1': 150 }, holeSince: { '2.1': 5000 }, ...changes })
const joining = (changes: Partial<Head> = {}) =>
  outside({ joining: ['2.1'], holeEnd: { '2.1': 200 }, ...changes })
const leaderless = { leader: undefined, leaderEpoch: 1 }

describe('the next step for a partition', () => {
  test.each<{ name: string; given: Head; view?: View; expected: Step }>([
    { name: 'with everybody in sync is none', given: whole(), expected: { step: 'settled' } },
    {
      name: 'whose leader’s node is down is to fence it',
      given: whole(),
      view: viewWith({ 0: DOWN }),
      expected: { step: 'fence' },
    },
    {
      name: 'C10: whose leader’s bucket was wiped is to fence it before it gets its new name',
      given: whole(),
      view: viewWith({ 0: WIPED }),
      expected: { step: 'fence' },
    },
    {
      name: 'C10: whose leader’s bucket is another one is to fence it, though the node is up',
      given: whole(),
      view: viewWith({ 0: { incarnation: 2 } }),
      expected: { step: 'fence' },
    },
    {
      name: 'whose leader’s node is not known is to fence it',
      given: whole(),
      view: viewWith({}, { nodes: new Map() }),
      expected: { step: 'fence' },
    },
    {
      name: 'C10: with a wiped follower is to replace that, before anything else',
      given: whole(),
      view: viewWith({ 1: DOWN, 2: WIPED }),
      expected: { step: 'replace', lost: '2.1', successor: '2.2' },
    },
    {
      name: 'C10: without leader is to replace who was wiped before anybody is elected',
      given: whole(leaderless),
      view: viewWith({ 0: WIPED }),
      expected: { step: 'replace', lost: '0.1', successor: '0.2' },
    },
    {
      name: 'C10: outside the ISR is to replace who was wiped too',
      given: outside(),
      view: viewWith({ 2: { state: 'DOWN', incarnation: 3 } }),
      expected: { step: 'replace', lost: '2.1', successor: '2.3' },
    },
    {
      name: 'C10: that knows a later bucket than the controller is never to go back to the old one',
      given: whole({ replicas: ['0.1', '1.1', '2.2'], isr: ['0.1', '1.1'], holeStart: { '2.2': 0 } }),
      view: viewWith(),
      expected: { step: 'wait', untilMs: undefined },
    },
    {
      name: 'without leader is to elect one',
      given: whole(leaderless),
      view: viewWith({ 0: DOWN }),
      expected: {
        step: 'elect',
        election: { winner: '1.1', isr: ['1.1', '2.1'], logEndOffset: 200, clean: true },
      },
    },
    {
      name: 'I6: without leader, and nobody to be elected without loss, is none, the last ISR kept',
      given: outside({ ...leaderless, isr: ['0.1', '1.1'] }),
      view: viewWith({ 0: DOWN, 1: DOWN }),
      expected: { step: 'leaderless' },
    },
    {
      name: 'without leader is to elect who loses least, where that is allowed',
      given: outside(leaderless),
      view: viewWith({ 0: DOWN, 1: DOWN }, { uncleanAllowed: true }),
      expected: { step: 'elect', election: { winner: '2.1', isr: ['2.1'], logEndOffset: 150, clean: false } },
    },
    {
      name: 'with followers on nodes that are down is to take them out, below minIsr too',
      given: whole(),
      view: viewWith({ 1: DOWN, 2: DOWN }),
      expected: { step: 'shrink', leaving: ['1.1', '2.1'] },
    },
    {
      name: 'with another minIsr than its topic wants is to get that, before anybody leaves or joins by the old one',
      given: outside({ minIsr: 3, holeEnd: { '1.1': 200 }, holeSince: { '1.1': 1, '2.1': 1 } }),
      expected: { step: 'settleMinIsr', minIsr: 2 },
    },
    {
      name: 'with another minIsr and a follower on a node that is down is to take that out first',
      given: whole({ minIsr: 3 }),
      view: viewWith({ 2: DOWN }),
      expected: { step: 'shrink', leaving: ['2.1'] },
    },
    {
      name: 'without leader, and nobody to be elected, keeps the minIsr that it has',
      given: outside({ ...leaderless, minIsr: 3 }),
      view: viewWith({ 0: DOWN, 1: DOWN }),
      expected: { step: 'leaderless' },
    },
    {
      name: 'that joins a replica on a node that is down is to take it out',
      given: joining(),
      view: viewWith({ 2: DOWN }),
      expected: { step: 'shrink', leaving: ['2.1'] },
    },
    {
      name: 'with a follower that lags for too long is to take it out',
      given: whole({
        holeStart: { '1.1': 150 },
        holeEnd: { '1.1': 200 },
        holeSince: { '1.1': NOW - 10_001 },
      }),
      expected: { step: 'shrink', leaving: ['1.1'] },
    },
    {
      name: 'with a follower that lags not for too long is to fill its hole',
      given: whole({
        holeStart: { '1.1': 150 },
        holeEnd: { '1.1': 200 },
        holeSince: { '1.1': NOW - 10_000 },
      }),
      expected: { step: 'catchUp' },
    },
    {
      name: 'with a replica outside on a live node is to let it join',
      given: outside(),
      expected: { step: 'join', replica: '2.1' },
    },
    {
      name: 'H5: with a replica outside that is held down is to wait',
      given: outside(),
      view: viewWith({ 2: { holdDownUntilMs: NOW + 1 } }),
      expected: { step: 'wait', untilMs: NOW + 1 },
    },
    {
      name: 'with a replica outside whose hold-down is over is to let it join',
      given: outside(),
      view: viewWith({ 2: { holdDownUntilMs: NOW } }),
      expected: { step: 'join', replica: '2.1' },
    },
    {
      name: 'with too few in sync is to let join whoever lives, held down or not',
      given: outside({ isr: ['0.1'], holeStart: { '1.1': 150, '2.1': 150 } }),
      view: viewWith({ 1: DOWN, 2: { holdDownUntilMs: NOW + 5000 } }),
      expected: { step: 'join', replica: '2.1' },
    },
    {
      name: 'with replicas outside on nodes that are down is to wait for them',
      given: outside(),
      view: viewWith({ 2: DOWN }),
      expected: { step: 'wait', untilMs: undefined },
    },
    {
      name: 'with several that are held down is to wait for the first',
      given: outside({ isr: ['0.1'], minIsr: 1, holeStart: { '1.1': 150, '2.1': 150 } }),
      view: viewWith({ 1: { holdDownUntilMs: NOW + 9 }, 2: { holdDownUntilMs: NOW + 5 } }, { minIsr: 1 }),
      expected: { step: 'wait', untilMs: NOW + 5 },
    },
    { name: 'that joins a replica is to fill its hole', given: joining(), expected: { step: 'catchUp' } },
    {
      name: 'that joins one and has another outside is to let that join first: both are filled at once',
      given: joining({ isr: ['0.1'], minIsr: 1, holeStart: { '1.1': 150, '2.1': 150 } }),
      view: viewWith({}, { minIsr: 1 }),
      expected: { step: 'join', replica: '1.1' },
    },
  ])('$name', ({ given, view = viewWith(), expected }) => {
    expect(nextStep(given, view)).toEqual(expected)
  })
})

describe('laggards', () => {
  const late = { '0.1': 1, '1.1': 1, '2.1': 1 }

  test.each<{ name: string; given: Head; expected: readonly string[] }>([
    { name: 'H5: as many as leave minIsr in sync', given: whole({ holeSince: late }), expected: ['1.1'] },
    {
      name: 'all followers where the leader is enough',
      given: whole({ holeSince: late, minIsr: 1 }),
      expected: ['1.1', '2.1'],
    },
    { name: 'H5: nobody where all are needed', given: whole({ holeSince: late, minIsr: 3 }), expected: [] },
    {
      name: 'H5: nobody where too few are in sync already',
      given: whole({ holeSince: late, isr: ['0.1'] }),
      expected: [],
    },
    { name: 'nobody who is outside', given: outside({ minIsr: 1 }), expected: [] },
  ])('are $name', ({ given, expected }) => {
    expect(laggards(given, { nowMs: NOW, maxLagMs: 10_000 })).toEqual(expected)
  })
})

test.each<{ name: string; replica: string; node: Partial<StorageNode>; expected: boolean }>([
  { name: 'UP is live', replica: '1.1', node: {}, expected: true },
  { name: 'DOWN is not', replica: '1.1', node: DOWN, expected: false },
  { name: 'RECOVERING is not', replica: '1.2', node: WIPED, expected: false },
  { name: 'UP with a later bucket is not', replica: '1.1', node: { incarnation: 2 }, expected: false },
  { name: 'UP with an earlier bucket is not', replica: '1.2', node: {}, expected: false },
])('C10: a replica on a node that is $name', ({ replica, node, expected }) => {
  expect(isOnLiveNode(replica, nodesWith({ 1: node }))).toBe(expected)
})
