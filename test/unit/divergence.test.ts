import { expect, test } from 'vitest'
import { divergence, type EpochLog, endOffsetFor } from '../../shared/core/lineage.ts'

/** A log written as `epoch:count` for each of its epochs. */
function logOf(text: string): EpochLog {
  const lineage: Record<string, number> = {}
  let logEndOffset = 0
  for (const part of text.split(' ')) {
    const [epoch = '', count = ''] = part.split(':')
    lineage[epoch] = logEndOffset
    logEndOffset += Number(count)
  }
  return { lineage, logEndOffset }
}

test.each([
  { name: 'A: the follower is behind', leader: '1:3', follower: '1:2', keep: 2 },
  { name: 'B: the leader has a newer epoch', leader: '1:2 2:1', follower: '1:2', keep: 2 },
  { name: 'C: the follower has more of the leader’s last epoch', leader: '1:2', follower: '1:3', keep: 2 },
  { name: 'D: the follower has more, of a higher epoch', leader: '1:2', follower: '1:2 2:1', keep: 2 },
  { name: 'E: both went on in epochs of their own', leader: '1:2 3:1', follower: '1:2 2:1', keep: 2 },
  { name: 'F: a fork after an older epoch', leader: '1:1 3:3', follower: '1:1 2:2', keep: 1 },
  { name: 'G: nothing in common', leader: '3:2', follower: '1:2', keep: 0 },
  { name: 'the same log', leader: '1:2 2:1', follower: '1:2 2:1', keep: 3 },
  {
    name: 'an answer of an epoch that the follower does not know: it asks again',
    leader: '1:1 3:5',
    follower: '1:2 2:1 4:3',
    keep: 1,
  },
  {
    name: 'and again: each epoch of one is foreign to the other',
    leader: '1:4 3:2 5:2 7:2',
    follower: '1:5 2:1 4:1 6:1',
    keep: 4,
  },
  { name: 'a leader that was elected and has not written', leader: '1:2 3:0', follower: '1:3', keep: 2 },
  { name: 'a follower that was, and had not', leader: '1:2 3:2', follower: '1:2 2:0', keep: 2 },
  { name: 'an empty log', leader: '2:0', follower: '1:2', keep: 0 },
])('kept of the follower’s log: $name', ({ leader, follower, keep }) => {
  expect(divergence(logOf(leader), logOf(follower))).toBe(keep)
})

/** Epoch 4 began where epoch 3 had, which wrote nothing. */
const LOG: EpochLog = { lineage: { 1: 100, 2: 150, 3: 200, 4: 200, 7: 300, 11: 400 }, logEndOffset: 420 }

test.each([
  { name: 'an epoch ends where the next one begins', asked: 2, leaderEpoch: 2, endOffset: 200 },
  { name: 'the last one where the log ends', asked: 11, leaderEpoch: 11, endOffset: 420 },
  { name: 'one that wrote nothing where it began', asked: 3, leaderEpoch: 3, endOffset: 200 },
  { name: 'one that is not known: the one before it', asked: 6, leaderEpoch: 4, endOffset: 300 },
  { name: 'epochs compare as numbers, not as text', asked: 10, leaderEpoch: 7, endOffset: 400 },
  { name: 'one before all: it ended where the first begins', asked: 0, leaderEpoch: 0, endOffset: 100 },
  { name: 'one after all is not defined', asked: 12, leaderEpoch: -1, endOffset: -1 },
  { name: 'none is not defined', asked: -1, leaderEpoch: -1, endOffset: -1 },
])('end of an epoch: $name', ({ asked, leaderEpoch, endOffset }) => {
  expect(endOffsetFor(LOG, asked)).toEqual({ leaderEpoch, endOffset })
})
