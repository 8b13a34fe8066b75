import { expect, test } from 'vitest'
import { type CopyOutcome, nextCopyStep } from '../../shared/core/copy-step.ts'
import { headWith } from '../support/heads.ts'

const THREE = headWith()
const TWO = headWith({ isr: ['0.1', '1.1'] })
const JOINING = headWith({ isr: ['0.1', '1.1'], joining: ['2.1'] })
const ALONE = headWith({ isr: ['0.1'] })

test.each<{
  name: string
  head: typeof THREE
  acks: -1 | 0 | 1
  outcomes: string
  isLate?: boolean
  step: object
}>([
  { name: 'all have it', head: THREE, acks: -1, outcomes: 'rrr', step: { step: 'append', missed: [] } },
  {
    name: 'a follower is slow',
    head: THREE,
    acks: -1,
    outcomes: 'rrp',
    isLate: true,
    step: { step: 'wait' },
  },
  { name: 'a follower is slow', head: THREE, acks: 1, outcomes: 'rrp', step: { step: 'wait' } },
  {
    name: 'a follower is too slow',
    head: THREE,
    acks: 1,
    outcomes: 'rrp',
    isLate: true,
    step: { step: 'append', missed: ['2.1'] },
  },
  { name: 'the leader is slow', head: THREE, acks: 0, outcomes: 'prr', isLate: true, step: { step: 'wait' } },
  {
    name: 'the leader failed',
    head: THREE,
    acks: 1,
    outcomes: 'frr',
    step: { step: 'refuse', errorName: 'KAFKA_STORAGE_ERROR' },
  },
  {
    name: 'everything failed',
    head: THREE,
    acks: -1,
    outcomes: 'fff',
    step: { step: 'refuse', errorName: 'KAFKA_STORAGE_ERROR' },
  },
  {
    name: 'a follower failed, another one is under way',
    head: THREE,
    acks: -1,
    outcomes: 'rfp',
    step: { step: 'wait' },
  },
  {
    name: 'a follower failed, another one is slow',
    head: THREE,
    acks: -1,
    outcomes: 'rfp',
    isLate: true,
    step: { step: 'shrink', leaving: ['1.1'] },
  },
  {
    name: 'a follower failed',
    head: THREE,
    acks: 1,
    outcomes: 'rfr',
    step: { step: 'shrink', leaving: ['1.1'] },
  },
  {
    name: 'too many followers failed',
    head: THREE,
    acks: -1,
    outcomes: 'rff',
    step: { step: 'refuse', errorName: 'NOT_ENOUGH_REPLICAS' },
  },
  {
    name: 'too many followers failed',
    head: THREE,
    acks: 1,
    outcomes: 'rff',
    step: { step: 'append', missed: ['1.1', '2.1'] },
  },
  {
    name: 'one that joins failed',
    head: JOINING,
    acks: -1,
    outcomes: 'rrf',
    step: { step: 'shrink', leaving: ['2.1'] },
  },
  {
    name: 'one that joins failed, and one that must not',
    head: JOINING,
    acks: -1,
    outcomes: 'rff',
    step: { step: 'refuse', errorName: 'NOT_ENOUGH_REPLICAS' },
  },
  {
    name: 'one that joins failed, and one that must not',
    head: JOINING,
    acks: 1,
    outcomes: 'rff',
    step: { step: 'shrink', leaving: ['2.1'] },
  },
  {
    name: 'one that joins is slow',
    head: JOINING,
    acks: 1,
    outcomes: 'rrp',
    isLate: true,
    step: { step: 'append', missed: ['2.1'] },
  },
  {
    name: 'a follower failed that is needed',
    head: TWO,
    acks: -1,
    outcomes: 'rf-',
    step: { step: 'refuse', errorName: 'NOT_ENOUGH_REPLICAS' },
  },
  { name: 'too few in sync', head: ALONE, acks: 1, outcomes: 'rff', step: { step: 'append', missed: [] } },
])('acks=$acks, $name ($outcomes, late=$isLate): $step', ({ head, acks, outcomes, isLate = false, step }) => {
  const names: Readonly<Record<string, CopyOutcome>> = { r: 'reached', f: 'failed', p: 'pending' }
  const outcomeOf = (replica: string) => names[outcomes[Number(replica[0])] ?? ''] ?? 'pending'
  expect(nextCopyStep(head, { acks, outcomeOf, isLate })).toEqual(step)
})
