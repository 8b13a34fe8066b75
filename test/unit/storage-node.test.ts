import { describe, expect, test } from 'vitest'
import { applyPlan } from '../../shared/core/apply-plan.ts'
import {
  claimNode,
  dismissReports,
  endHoldDown,
  endLoss,
  freshReporters,
  isBelievedDown,
  newStorageNode,
  nodeCameUp,
  nodeLostData,
  nodeWalked,
  nodeWentDown,
  reportLoss,
  reportNode,
  type StorageNode,
  staleReporters,
} from '../../shared/core/storage-node.ts'
import type { Item, UpdatePlan } from '../../shared/core/update-plan.ts'

const NOW = 10_000_000
const MINUTE = 60_000

const nodeWith = (changes: Partial<StorageNode> = {}): StorageNode => ({
  ...newStorageNode({ zone: 'a', incarnationId: '01A' }),
  controllerEpoch: 5,
  ...changes,
})

/** The node after a plan; undefined when it is refused. */
function carriedOut(node: StorageNode | undefined, plan: UpdatePlan): StorageNode | undefined {
  const { walkedTo, ...rest } = node ?? {}
  const item = walkedTo === undefined ? rest : { ...rest, walkedTo }
  const outcome = applyPlan(node === undefined ? undefined : (item as unknown as Item), plan)
  return outcome.applied ? (JSON.parse(JSON.stringify(outcome.item)) as StorageNode) : undefined
}

function applied(node: StorageNode, plan: UpdatePlan): StorageNode {
  const after = carriedOut(node, plan)
  if (after === undefined) throw new Error('the plan was refused')
  return after
}

const controllerPlans = (node: StorageNode, controllerEpoch: number) => [
  { name: 'nodeWentDown', plan: nodeWentDown(node, controllerEpoch, NOW), changesState: true },
  { name: 'nodeCameUp', plan: nodeCameUp(node, controllerEpoch), changesState: true },
  { name: 'nodeLostData', plan: nodeLostData(node, controllerEpoch, '01B'), changesState: true },
  { name: 'nodeWalked', plan: nodeWalked(node, controllerEpoch, 'orders'), changesState: false },
  { name: 'dismissReports', plan: dismissReports(node, controllerEpoch, ['a']), changesState: false },
]

describe('a write of the controller', () => {
  const rows = controllerPlans(nodeWith(), 5)

  test.each(rows)('$name: is taken, and is known by its epoch', ({ name }) => {
    const plan = controllerPlans(nodeWith(), 6).find((row) => row.name === name)?.plan ?? endHoldDown()
    expect(applied(nodeWith(), plan).controllerEpoch).toBe(6)
  })

  test.each(rows)('H17: $name: is refused once a newer controller claimed the node', ({ plan }) => {
    expect(carriedOut(applied(nodeWith(), claimNode(6)), plan)).toBeUndefined()
  })

  test.each(rows)('$name: is refused once the node changed', ({ plan }) => {
    expect(carriedOut(nodeWith({ nodeEpoch: 1 }), plan)).toBeUndefined()
  })

  test.each(rows)('$name: is refused where the node was never registered', ({ plan }) => {
    expect(carriedOut(undefined, plan)).toBeUndefined()
  })

  test.each(rows.filter(({ changesState }) => changesState))(
    '$name: changes the node epoch, and all topics are to be told',
    ({ plan }) => {
      const after = applied(nodeWith(), plan)
      expect(after).toMatchObject({ nodeEpoch: 1, walkedTo: '', reports: {} })
    },
  )
})

describe('claimNode', () => {
  test('is refused to an older controller, and where there is no node', () => {
    expect(carriedOut(nodeWith(), claimNode(4))).toBeUndefined()
    expect(carriedOut(undefined, claimNode(9))).toBeUndefined()
  })

  test('changes nothing else: who reads the node need not read it again', () => {
    expect(applied(nodeWith(), claimNode(9))).toEqual(applied(nodeWith({ controllerEpoch: 9 }), claimNode(9)))
  })
})

describe('the hold-down', () => {
  test.each<{ name: string; given: Partial<StorageNode>; expected: number }>([
    { name: 'is 10 s at first', given: {}, expected: 10_000 },
    {
      name: 'doubles when the node fails again',
      given: { holdDownMs: 10_000, wentDownAtMs: NOW - MINUTE },
      expected: 20_000,
    },
    {
      name: 'is at most 10 minutes',
      given: { holdDownMs: 400_000, wentDownAtMs: NOW - MINUTE },
      expected: 600_000,
    },
    {
      name: 'halves with 10 quiet minutes',
      given: { holdDownMs: 80_000, wentDownAtMs: NOW - 10 * MINUTE },
      expected: 80_000,
    },
    {
      name: 'halves with each 10 quiet minutes',
      given: { holdDownMs: 80_000, wentDownAtMs: NOW - 29 * MINUTE },
      expected: 40_000,
    },
    {
      name: 'is never below 10 s',
      given: { holdDownMs: 600_000, wentDownAtMs: 0 },
      expected: 10_000,
    },
    {
      name: 'doubles once by a controller whose clock is behind the last one’s',
      given: { holdDownMs: 20_000, wentDownAtMs: NOW + 500 },
      expected: 40_000,
    },
  ])('$name', ({ given, expected }) => {
    const node = nodeWith(given)
    expect(applied(node, nodeWentDown(node, 5, NOW))).toMatchObject({
      state: 'DOWN',
      holdDownMs: expected,
      holdDownUntilMs: NOW + expected,
      wentDownAtMs: NOW,
    })
  })

  test('ends by an operator’s word, and begins anew with the next failure', () => {
    const node = nodeWith({ holdDownMs: 80_000, holdDownUntilMs: NOW + 80_000, wentDownAtMs: NOW })
    const fit = applied(node, endHoldDown())
    expect(fit).toMatchObject({ holdDownMs: 0, holdDownUntilMs: 0, nodeEpoch: 1, walkedTo: '' })
    expect(applied(fit, nodeWentDown(fit, 5, NOW))).toMatchObject({ holdDownMs: 10_000 })
    expect(carriedOut(undefined, endHoldDown())).toBeUndefined()
  })

  test('H5: goes on when the node comes up, or it would flap', () => {
    const down = applied(nodeWith(), nodeWentDown(nodeWith(), 5, NOW))
    expect(applied(down, nodeCameUp(down, 5))).toMatchObject({ state: 'UP', holdDownUntilMs: NOW + 10_000 })
  })
})

describe('reports', () => {
  const reported = (count: number, atMs = NOW) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`env${index}`, atMs]))

  test('an environment’s newest report counts', () => {
    const node = applied(nodeWith({ reports: { a: 1, b: 2 } }), reportNode('a', NOW))
    expect(node.reports).toEqual({ a: NOW, b: 2 })
  })

  test('a seventeenth reporter is not kept, a sixteenth that reports again is', () => {
    const node = nodeWith({ reports: reported(16, 1) })
    expect(carriedOut(node, reportNode('another', NOW))).toBeUndefined()
    expect(applied(node, reportNode('env3', NOW)).reports.env3).toBe(NOW)
    expect(carriedOut(nodeWith({ reports: reported(15) }), reportNode('another', NOW))).toBeDefined()
  })

  test('none is kept for a node that was never registered', () => {
    expect(carriedOut(undefined, reportNode('a', NOW))).toBeUndefined()
  })

  test.each<{ name: string; reports: StorageNode['reports']; expected: boolean }>([
    { name: 'three of the last 30 s', reports: reported(3, NOW - 29_999), expected: true },
    { name: 'not two', reports: reported(2), expected: false },
    {
      name: 'not three of which one is older',
      reports: { ...reported(2), old: NOW - 30_000 },
      expected: false,
    },
  ])('are believed against a probe: $name', ({ reports, expected }) => {
    expect(isBelievedDown(nodeWith({ reports }), NOW)).toBe(expected)
  })

  test('those older than 30 s are not fresh', () => {
    const node = nodeWith({ reports: { old: NOW - 30_000, fresh: NOW - 29_999 } })
    expect(freshReporters(node, NOW)).toEqual(['fresh'])
  })
})

test('reports that are dismissed go, the others stay: they may be the first of those that outweigh a probe', () => {
  const node = nodeWith({ reports: { old: NOW - 30_000, fresh: NOW } })
  const after = applied(node, dismissReports(node, 5, staleReporters(node, NOW)))
  expect(after).toMatchObject({ reports: { fresh: NOW }, nodeEpoch: 0 })
  expect(Object.keys(after.reports)).toEqual(['fresh'])
})

describe('a bucket that was lost', () => {
  test('C10: is another one from now on: the incarnation rises', () => {
    const node = nodeWith({ incarnation: 3, lost: { 'P#x#0': 7 }, state: 'DOWN' })
    const after = applied(node, nodeLostData(node, 5, '01B'))
    expect(after).toMatchObject({ state: 'RECOVERING', incarnation: 4, incarnationId: '01B' })
    expect(after.lost).toEqual({})
  })

  test('C10: a copy missed under the old incarnation says nothing of the new one', () => {
    const copy = { incarnation: 3, pk: 'P#x#0', offset: 7 }
    expect(applied(nodeWith({ incarnation: 3 }), reportLoss(copy)).lost).toEqual({ 'P#x#0': 7 })
    expect(carriedOut(nodeWith({ incarnation: 4 }), reportLoss(copy))).toBeUndefined()
    expect(carriedOut(undefined, reportLoss(copy))).toBeUndefined()
  })

  test('of the copies lost of one partition the first is kept, and no more partitions than can be dealt with', () => {
    const node = nodeWith({ lost: { 'P#x#0': 7 } })
    const report = (pk: string, offset: number) => reportLoss({ incarnation: node.incarnation, pk, offset })
    expect(applied(node, report('P#x#0', 4)).lost).toEqual({ 'P#x#0': 4 })
    expect(carriedOut(node, report('P#x#0', 8))).toBeUndefined()
    const lost = Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`P#x#${index}`, 1]))
    expect(carriedOut(nodeWith({ lost }), report('P#y#0', 1))).toBeUndefined()
    expect(applied(nodeWith({ lost }), report('P#x#3', 0)).lost['P#x#3']).toBe(0)
  })

  test('a loss is over once its partition knows, unless an earlier one was reported meanwhile', () => {
    const node = nodeWith({ lost: { 'P#x#0': 7 } })
    expect(applied(node, endLoss(node, 5, 'P#x#0')).lost).toEqual({})
    expect(carriedOut(nodeWith({ lost: { 'P#x#0': 4 } }), endLoss(node, 5, 'P#x#0'))).toBeUndefined()
  })

  test('C10: is counted once, whoever sees it', () => {
    const plan = nodeLostData(nodeWith(), 5, '01B')
    expect(carriedOut(applied(nodeWith(), plan), plan)).toBeUndefined()
  })
})

test('a walk goes on where it stopped, and is over when all topics were told', () => {
  const node = applied(nodeWith(), nodeWentDown(nodeWith(), 5, NOW))
  const halfway = applied(node, nodeWalked(node, 5, 'orders'))
  expect(halfway).toMatchObject({ walkedTo: 'orders', nodeEpoch: 1 })
  const over = applied(halfway, nodeWalked(halfway, 5, undefined))
  expect(over).not.toHaveProperty('walkedTo')
  // The node changed meanwhile: the walk that began before does not end the one that begins.
  const up = applied(halfway, nodeCameUp(halfway, 5))
  expect(carriedOut(up, nodeWalked(halfway, 5, undefined))).toBeUndefined()
})
