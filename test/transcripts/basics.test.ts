import { test } from 'vitest'
import { runTranscript, type Transcript } from './transcript.ts'

const TRANSCRIPTS: readonly Transcript[] = [
  {
    name: 'a member is given an id, leads, gets its assignment, and leaves',
    steps: [
      'a join → MEMBER_ID_REQUIRED',
      'a join → 1 range leads a',
      'a heartbeat → ok',
      'a sync a:p0 → p0',
      'a heartbeat → ok',
      'a sync → p0',
      'a leave a → ok',
      'a heartbeat → UNKNOWN_MEMBER_ID',
      'a sync a:p0 → UNKNOWN_MEMBER_ID',
    ],
  },
  {
    name: 'a second member makes the first join again, which goes on leading',
    steps: [
      'a joins → 1 range leads a',
      'a syncs a:p0+p1 → p0+p1',
      'b join → MEMBER_ID_REQUIRED',
      'b join → REBALANCE_IN_PROGRESS again',
      'a heartbeat → REBALANCE_IN_PROGRESS',
      'a sync a:p0+p1 → REBALANCE_IN_PROGRESS',
      ['a joins → 2 range leads a,b', 'b joins → 2 range follows a'],
      ['a syncs a:p0 b:p1 → p0', 'b syncs → p1'],
      'a heartbeat → ok',
      'b heartbeat → ok',
    ],
  },
]

test.each(TRANSCRIPTS)('$name', async (transcript) => {
  await runTranscript(transcript)
})
