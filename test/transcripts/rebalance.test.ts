import { test } from 'vitest'
import { enters, runTranscript, type Transcript } from './transcript.ts'

/** Two members in a stable generation 2, which a leads. */
const TWO = [
  'a joins → 1 range leads a',
  ...enters('b'),
  ['a joins → 2 range leads a,b', 'b joins → 2 range follows a'],
  ['a syncs a:x b:y → x', 'b syncs → y'],
]

const TRANSCRIPTS: readonly Transcript[] = [
  {
    name: 'nobody has an assignment before the leader said what all have',
    steps: [
      'a joins → 1 range leads a',
      ...enters('b'),
      ['a joins → 2 range leads a,b', 'b joins → 2 range follows a'],
      'b sync → REBALANCE_IN_PROGRESS again',
      ['b sync → y', 'a sync a:x b:y → x'],
      'b sync → y',
    ],
  },
  {
    name: 'a member that the leader assigns nothing to has nothing',
    steps: [
      'a joins → 1 range leads a',
      ...enters('b'),
      ['a joins → 2 range leads a,b', 'b joins → 2 range follows a'],
      ['a syncs a:x somebody:y → x', 'b syncs → nothing'],
    ],
  },
  {
    name: 'only the leader assigns',
    steps: [
      'a joins → 1 range leads a',
      ...enters('b'),
      ['a joins → 2 range leads a,b', 'b joins → 2 range follows a'],
      'b sync b:z a:z → REBALANCE_IN_PROGRESS again',
      ['b sync b:z → y', 'a sync a:x b:y → x'],
    ],
  },
  {
    name: 'a join repeated while a generation completes gets the same answer, with other metadata it begins another one',
    steps: [
      'a joins → 1 range leads a',
      'a join → 1 range leads a',
      ...enters('b'),
      ['a joins → 2 range leads a,b', 'b joins → 2 range follows a'],
      'a join → 2 range leads a,b',
      'b join → 2 range follows a',
      'b join metadata=topics → REBALANCE_IN_PROGRESS again',
      ['a joins → 3 range leads a,b(topics)', 'b joins metadata=topics → 3 range follows a'],
    ],
  },
  {
    name: 'in a stable group a follower that joins again changes nothing, unless it wants something else',
    steps: [
      ...TWO,
      'b join → 2 range follows a',
      'a heartbeat → ok',
      'b join metadata=topics → REBALANCE_IN_PROGRESS again',
      'a heartbeat → REBALANCE_IN_PROGRESS',
      ['a joins → 3 range leads a,b(topics)', 'b joins metadata=topics → 3 range follows a'],
    ],
  },
  {
    name: 'a leader of a stable group that joins again has everybody join again',
    steps: [
      ...TWO,
      'a join → REBALANCE_IN_PROGRESS again',
      'b heartbeat → REBALANCE_IN_PROGRESS',
      ['a joins → 3 range leads a,b', 'b joins → 3 range follows a'],
    ],
  },
  {
    name: 'a join repeated while a rebalance is prepared restarts nothing',
    steps: [
      ...TWO,
      'c join → MEMBER_ID_REQUIRED',
      'c join → REBALANCE_IN_PROGRESS again',
      'c join → REBALANCE_IN_PROGRESS again',
      'a join → REBALANCE_IN_PROGRESS again',
      'a join → REBALANCE_IN_PROGRESS again',
      ['a joins → 3 range leads a,b,c', 'b joins → 3 range follows a', 'c joins → 3 range follows a'],
    ],
  },
  {
    name: 'a follower that leaves has the others join again',
    steps: [
      ...TWO,
      'b leave b → ok',
      'a heartbeat → REBALANCE_IN_PROGRESS',
      'b heartbeat → UNKNOWN_MEMBER_ID',
      'a joins → 3 range leads a',
    ],
  },
  {
    name: 'when the leader leaves, another member leads',
    steps: [...TWO, 'a leave a → ok', 'b heartbeat → REBALANCE_IN_PROGRESS', 'b joins → 3 range leads b'],
  },
  {
    name: 'the last one that was waited for leaves: the rebalance completes without it',
    steps: [...TWO, ['a joins → 3 range leads a', 'b leave b → ok']],
  },
  {
    name: 'a member that leaves while it waits is told that it is none',
    steps: [...TWO, ['a join → UNKNOWN_MEMBER_ID', 'then a leave a → ok'], 'b joins → 3 range leads b'],
  },
  {
    name: 'all leave at once, and the next one begins a generation of its own',
    steps: [...TWO, 'a leave a b → ok ok', 'a heartbeat → UNKNOWN_MEMBER_ID', 'c joins → 4 range leads c'],
  },
  {
    name: 'who does not join again within the rebalance time-out is left out, however alive',
    steps: [
      ...TWO,
      'a join session=60000 → REBALANCE_IN_PROGRESS again',
      '9000 ms',
      'b heartbeat → REBALANCE_IN_PROGRESS',
      'a heartbeat → REBALANCE_IN_PROGRESS',
      '9000 ms',
      'b heartbeat → REBALANCE_IN_PROGRESS',
      '7000 ms',
      'b heartbeat → REBALANCE_IN_PROGRESS',
      'a join session=60000 → REBALANCE_IN_PROGRESS again',
      '1000 ms',
      'a join session=60000 → 3 range leads a',
      'b heartbeat → UNKNOWN_MEMBER_ID',
    ],
  },
  {
    name: 'the rebalance time-out is that of the most patient member',
    steps: [
      'a joins session=60000 rebalance=20000 → 1 range leads a',
      ...enters('b', 'session=60000 rebalance=40000'),
      [
        'a joins session=60000 rebalance=20000 → 2 range leads a,b',
        'b joins session=60000 rebalance=40000 → 2 range follows a',
      ],
      'a leave a → ok',
      'c join → MEMBER_ID_REQUIRED',
      'c join session=60000 rebalance=1000 → REBALANCE_IN_PROGRESS again',
      '35000 ms',
      'c join session=60000 rebalance=1000 → REBALANCE_IN_PROGRESS again',
      '1000 ms',
      'c join session=60000 rebalance=1000 → 3 range leads c',
    ],
  },
  {
    name: 'a leader that does not join again in time is led by who did',
    steps: [
      'a joins session=60000 → 1 range leads a',
      ...enters('b', 'session=60000'),
      ['a joins session=60000 → 2 range leads a,b', 'b joins session=60000 → 2 range follows a'],
      'b join metadata=other session=60000 → REBALANCE_IN_PROGRESS again',
      '30000 ms',
      'b join metadata=other session=60000 → 3 range leads b(other)',
    ],
  },
  {
    name: 'a leader that never says what all have is given up, with all others that did not ask',
    steps: [
      'a joins session=60000 → 1 range leads a',
      ...enters('b', 'session=60000'),
      ...enters('c', 'session=60000'),
      [
        'a joins session=60000 → 2 range leads a,b,c',
        'b joins session=60000 → 2 range follows a',
        'c joins session=60000 → 2 range follows a',
      ],
      'b sync → REBALANCE_IN_PROGRESS again',
      '28000 ms',
      'b sync → REBALANCE_IN_PROGRESS',
      'a heartbeat → UNKNOWN_MEMBER_ID',
      'c heartbeat → UNKNOWN_MEMBER_ID',
      'b joins session=60000 → 3 range leads b',
    ],
  },
  {
    name: 'a leader that says two things in one generation is believed in neither',
    steps: [
      'a joins → 1 range leads a',
      ...enters('b'),
      ['a joins → 2 range leads a,b', 'b joins → 2 range follows a'],
      ['a sync a:x b:y → REBALANCE_IN_PROGRESS', 'a sync a:y b:x → REBALANCE_IN_PROGRESS'],
      ['a joins → 3 range leads a,b', 'b joins → 3 range follows a'],
    ],
  },
]

test.each(TRANSCRIPTS)('$name', async (transcript) => {
  await runTranscript(transcript)
})
