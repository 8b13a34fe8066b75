import { test } from 'vitest'
import { enters, runTranscript, type Transcript } from './transcript.ts'

const DELAY = { 'group.initial.rebalance.delay.ms': '3000' }

const TRANSCRIPTS: readonly Transcript[] = [
  {
    name: 'a member whose session is over is gone, and the others join again',
    steps: [
      'a joins → 1 range leads a',
      ...enters('b'),
      ['a joins → 2 range leads a,b', 'b joins → 2 range follows a'],
      ['a syncs a:x b:y → x', 'b syncs → y'],
      '9000 ms',
      'a heartbeat → ok',
      '1000 ms',
      'a heartbeat → REBALANCE_IN_PROGRESS',
      'b heartbeat → UNKNOWN_MEMBER_ID',
      'a joins → 3 range leads a',
    ],
  },
  {
    name: 'every heartbeat begins a session anew',
    steps: [
      'a joins session=6000 → 1 range leads a',
      'a sync a:x → x',
      '5000 ms',
      'a heartbeat → ok',
      '5000 ms',
      'a heartbeat → ok',
      '5000 ms',
      'a heartbeat → ok',
      '7000 ms',
      'b joins → 3 range leads b',
      'a heartbeat → UNKNOWN_MEMBER_ID',
    ],
  },
  {
    name: 'a heartbeat that comes late, before anybody noticed, is in time',
    steps: [
      'a joins → 1 range leads a',
      'a sync a:x → x',
      '60000 ms',
      'a heartbeat → ok',
      'a heartbeat → ok',
    ],
  },
  {
    name: 'who waits for others does not expire',
    steps: [
      'a joins session=6000 → 1 range leads a',
      ...enters('b', 'session=6000'),
      'b join session=6000 → REBALANCE_IN_PROGRESS again',
      'a heartbeat → REBALANCE_IN_PROGRESS',
      'b join session=6000 → REBALANCE_IN_PROGRESS again',
      'b join session=6000 → REBALANCE_IN_PROGRESS again',
      'a heartbeat → REBALANCE_IN_PROGRESS',
      'b join session=6000 → REBALANCE_IN_PROGRESS again',
      ['a joins session=6000 → 2 range leads a,b', 'b joins session=6000 → 2 range follows a'],
    ],
  },
  {
    name: 'a session that is shorter than one wait of its own request does not end in it',
    configs: { 'group.min.session.timeout.ms': '500' },
    steps: [
      'a joins session=6000 → 1 range leads a',
      ...enters('b', 'session=500'),
      'b join session=500 → REBALANCE_IN_PROGRESS again',
      ['a joins session=6000 → 2 range leads a,b', 'b joins session=500 → 2 range follows a'],
      // Who waits for its assignment is there, too.
      ['b sync → y', 'then a sync a:x b:y → x'],
    ],
  },
  {
    name: 'first members whose sessions are shorter than they are to wait come to a generation',
    configs: { ...DELAY, 'group.min.session.timeout.ms': '500' },
    steps: ['a joins session=500 → 1 range leads a', 'a sync a:x → x'],
  },
  {
    name: 'a member that is waited for and expires is waited for no more',
    steps: [
      'a joins session=6000 → 1 range leads a',
      'a sync a:x → x',
      ...enters('b'),
      'b join → REBALANCE_IN_PROGRESS again',
      'b join → 2 range leads b',
    ],
  },
  {
    name: 'the first members of a group are waited for',
    configs: DELAY,
    steps: [
      'a join → MEMBER_ID_REQUIRED',
      'a join → REBALANCE_IN_PROGRESS again',
      'a join → 1 range leads a',
      'a sync a:x → x',
    ],
  },
  {
    name: 'each further one of the first members is waited for once more',
    configs: DELAY,
    steps: [
      'a join → MEMBER_ID_REQUIRED',
      'b join → MEMBER_ID_REQUIRED',
      'c join → MEMBER_ID_REQUIRED',
      ['a join → REBALANCE_IN_PROGRESS again', 'then b join → REBALANCE_IN_PROGRESS again'],
      // At 2.5 s: the first window lasts until 3 s, and another one follows it, in which c comes.
      '1500 ms',
      'c join → REBALANCE_IN_PROGRESS again',
      // At 6 s the second window is over.
      'a join → REBALANCE_IN_PROGRESS again',
      ['a joins → 1 range leads a,b,c', 'b joins → 1 range follows a', 'c joins → 1 range follows a'],
    ],
  },
  {
    name: 'the first members are waited for no longer than the first one lets a rebalance last',
    configs: DELAY,
    steps: [
      'a join → MEMBER_ID_REQUIRED',
      'b join → MEMBER_ID_REQUIRED',
      ['a join rebalance=4000 → REBALANCE_IN_PROGRESS again', 'then b join → REBALANCE_IN_PROGRESS again'],
      ['a join rebalance=4000 → 1 range leads a,b', 'b join → 1 range follows a'],
    ],
  },
  {
    name: 'who leaves meanwhile does not end the wait',
    configs: DELAY,
    steps: [
      'a join → MEMBER_ID_REQUIRED',
      'b join → MEMBER_ID_REQUIRED',
      ['a join → REBALANCE_IN_PROGRESS again', 'b join → UNKNOWN_MEMBER_ID', 'then b leave b → ok'],
      'a join → REBALANCE_IN_PROGRESS again',
      'a join → 1 range leads a',
    ],
  },
  {
    name: 'a group that became empty waits for its first members anew',
    configs: DELAY,
    steps: [
      'a joins → 1 range leads a',
      'a leave a → ok',
      'b join → MEMBER_ID_REQUIRED',
      'b join → REBALANCE_IN_PROGRESS again',
      'b join → 3 range leads b',
    ],
  },
]

test.each(TRANSCRIPTS)('$name', async (transcript) => {
  await runTranscript(transcript)
})
