import { test } from 'vitest'
import { enters, runTranscript, type Transcript } from './transcript.ts'

const TRANSCRIPTS: readonly Transcript[] = [
  {
    name: 'a member alone gets the assignor it wants most',
    steps: ['a joins offers=sticky,range → 1 sticky leads a'],
  },
  {
    name: 'of what all offer, what most want most is chosen',
    steps: [
      'a joins offers=range,roundrobin,sticky → 1 range leads a',
      ...enters('b', 'offers=roundrobin,range,sticky'),
      ...enters('c', 'offers=sticky,roundrobin,range'),
      ...enters('d', 'offers=unknown,roundrobin,range'),
      [
        'a joins offers=range,roundrobin,sticky → 2 roundrobin leads a,b,c,d',
        'b joins offers=roundrobin,range,sticky → 2 roundrobin follows a',
        'c joins offers=sticky,roundrobin,range → 2 roundrobin follows a',
        'd joins offers=unknown,roundrobin,range → 2 roundrobin follows a',
      ],
    ],
  },
  {
    name: 'members change one by one from an eager assignor to a cooperative one',
    steps: [
      'a joins offers=range → 1 range leads a',
      ...enters('b', 'offers=range'),
      ['a joins offers=range → 2 range leads a,b', 'b joins offers=range → 2 range follows a'],
      // The first round: each comes back with both.
      'a leave a → ok',
      'c join → MEMBER_ID_REQUIRED',
      ['b joins offers=range → 3 range leads b,c', 'c join offers=cooperative,range → 3 range follows b'],
      'b leave b → ok',
      'd join → MEMBER_ID_REQUIRED',
      [
        'c joins offers=cooperative,range → 4 cooperative leads c,d',
        'd join offers=cooperative,range → 4 cooperative follows c',
      ],
      // The second one: each comes back with the cooperative one alone.
      'c leave c → ok',
      'e join offers=cooperative → MEMBER_ID_REQUIRED',
      [
        'd joins offers=cooperative,range → 5 cooperative leads d,e',
        'e join offers=cooperative → 5 cooperative follows d',
      ],
      'd leave d → ok',
      'f join offers=range → INCONSISTENT_GROUP_PROTOCOL',
    ],
  },
  {
    name: 'cooperative: who gives partitions up joins again at once, and those go to their new owner in the next generation',
    steps: [
      'a joins offers=cooperative → 1 cooperative leads a',
      'a sync a:p0+p1 → p0+p1',
      ...enters('b', 'offers=cooperative'),
      // It says that it still has both, and keeps them until the assignment takes one away.
      [
        'a joins offers=cooperative metadata=owns:p0+p1 → 2 cooperative leads a(owns:p0+p1),b',
        'b joins offers=cooperative → 2 cooperative follows a',
      ],
      ['a syncs a:p0 → p0', 'b syncs → nothing'],
      'b heartbeat → ok',
      'a join offers=cooperative metadata=owns:p0 → REBALANCE_IN_PROGRESS again',
      'b heartbeat → REBALANCE_IN_PROGRESS',
      [
        'a joins offers=cooperative metadata=owns:p0 → 3 cooperative leads a(owns:p0),b',
        'b joins offers=cooperative → 3 cooperative follows a',
      ],
      ['a syncs a:p0 b:p1 → p0', 'b syncs → p1'],
    ],
  },
]

test.each(TRANSCRIPTS)('$name', async (transcript) => {
  await runTranscript(transcript)
})
