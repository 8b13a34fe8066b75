import { describe, expect, test } from 'vitest'
import { applyPlan } from '../../shared/core/apply-plan.ts'
import {
  byController,
  type ControllerLease,
  LEASE_MS,
  NO_LEASE,
  releaseLease,
  renewLease,
  takeLease,
} from '../../shared/core/controller-lease.ts'
import { type Item, set, type UpdatePlan } from '../../shared/core/update-plan.ts'

const NOW = 1_000_000

function carriedOut(lease: ControllerLease | undefined, plan: UpdatePlan): ControllerLease | undefined {
  const outcome = applyPlan(lease === undefined ? undefined : (lease as unknown as Item), plan)
  return outcome.applied ? (JSON.parse(JSON.stringify(outcome.item)) as ControllerLease) : undefined
}

const held: ControllerLease = { holder: 'a', controllerEpoch: 4, expiresAtMs: NOW + LEASE_MS }

describe('the lease', () => {
  test.each<{
    name: string
    given: ControllerLease | undefined
    plan: UpdatePlan
    expected: ControllerLease | undefined
  }>([
    {
      name: 'that nobody ever had is taken in epoch 1',
      given: NO_LEASE,
      plan: takeLease('b', NOW),
      expected: { holder: 'b', controllerEpoch: 1, expiresAtMs: NOW + LEASE_MS },
    },
    {
      name: 'that is over is taken in a new epoch',
      given: { ...held, expiresAtMs: NOW },
      plan: takeLease('b', NOW),
      expected: { holder: 'b', controllerEpoch: 5, expiresAtMs: NOW + LEASE_MS },
    },
    {
      name: 'that is over is taken in a new epoch by its last holder too: it may have slept',
      given: { ...held, expiresAtMs: NOW },
      plan: takeLease('a', NOW),
      expected: { holder: 'a', controllerEpoch: 5, expiresAtMs: NOW + LEASE_MS },
    },
    {
      name: 'that is not over is not taken',
      given: { ...held, expiresAtMs: NOW + 1 },
      plan: takeLease('b', NOW),
      expected: undefined,
    },
    { name: 'is not made by who takes it', given: undefined, plan: takeLease('b', NOW), expected: undefined },
    {
      name: 'is renewed by its holder',
      given: held,
      plan: renewLease(held, NOW + 2000),
      expected: { ...held, expiresAtMs: NOW + 2000 + LEASE_MS },
    },
    {
      name: 'that is over is renewed while nobody took it',
      given: held,
      plan: renewLease(held, NOW + 9000),
      expected: { ...held, expiresAtMs: NOW + 9000 + LEASE_MS },
    },
    {
      name: 'that is released can be taken at once',
      given: held,
      plan: releaseLease(held),
      expected: { ...held, expiresAtMs: 0 },
    },
    ...[renewLease(held, NOW), releaseLease(held)].flatMap((plan) => [
      {
        name: 'of another holder is neither renewed nor released',
        given: { ...held, holder: 'b' },
        plan,
        expected: undefined,
      },
      {
        name: 'in a later epoch of the same holder is neither renewed nor released by what it did before',
        given: { ...held, controllerEpoch: 5 },
        plan,
        expected: undefined,
      },
    ]),
  ])('$name', ({ given, plan, expected }) => {
    expect(carriedOut(given, plan)).toEqual(expected)
  })

  test('of two that take it at once one has it', () => {
    const over = { ...held, expiresAtMs: NOW }
    const taken = carriedOut(over, takeLease('b', NOW))
    expect(carriedOut(taken, takeLease('c', NOW))).toBeUndefined()
  })
})

describe('byController', () => {
  const write = (controllerEpoch: number) =>
    byController({ checks: [], changes: [set(['done'], true)] }, controllerEpoch)
  const outcome = (epoch: number, controllerEpoch: number) =>
    applyPlan({ controllerEpoch: epoch }, write(controllerEpoch))

  test.each([
    { name: 'a later epoch than the last one', given: 4, when: 6 },
    { name: 'the same epoch', given: 4, when: 4 },
  ])('takes a write of $name, which is the last one from then on', ({ given, when }) => {
    expect(outcome(given, when)).toEqual({ applied: true, item: { controllerEpoch: when, done: true } })
  })

  test('H17: refuses a write of an earlier epoch: that controller slept', () => {
    expect(outcome(4, 3).applied).toBe(false)
  })

  test('creates nothing that is gone', () => {
    expect(applyPlan(undefined, write(4)).applied).toBe(false)
  })
})
