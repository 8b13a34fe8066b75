import { test } from 'vitest'
import { enters, runTranscript, type Transcript } from './transcript.ts'

/** A static member i1 that leads, and a dynamic one, in a stable generation 2. */
const STATIC_LEADER = [
  'a joins instance=i1 → 1 range leads a',
  ...enters('b'),
  ['a joins instance=i1 → 2 range leads a,b', 'b joins → 2 range follows a'],
  ['a syncs instance=i1 a:x b:y → x', 'b syncs → y'],
]

/** A dynamic member that leads, and a static one i1, in a stable generation 2. */
const STATIC_FOLLOWER = [
  'a joins → 1 range leads a',
  'b join instance=i1 → REBALANCE_IN_PROGRESS again',
  ['a joins → 2 range leads a,b', 'b joins instance=i1 → 2 range follows a'],
  ['a syncs a:x b:y → x', 'b syncs instance=i1 → y'],
]

const TRANSCRIPTS: readonly Transcript[] = [
  {
    name: 'a static member is given its id with its first join',
    steps: [
      'a join instance=i1 → 1 range leads a',
      'a heartbeat instance=i1 → ok',
      'a sync instance=i1 a:x → x',
    ],
  },
  {
    name: 'a name that nobody has, or an id that never was, is unknown',
    steps: [
      ...STATIC_FOLLOWER,
      'b heartbeat instance=i2 → UNKNOWN_MEMBER_ID',
      'b sync instance=i2 → UNKNOWN_MEMBER_ID',
      'b join instance=i2 → UNKNOWN_MEMBER_ID',
      'c heartbeat as=somebody instance=i1 generation=2 → FENCED_INSTANCE_ID',
      'c join as=somebody instance=i1 → FENCED_INSTANCE_ID',
      'b heartbeat → ok',
    ],
  },
  {
    name: 'stable: a static follower that comes back is given its assignment, and its former self is fenced',
    steps: [
      ...STATIC_FOLLOWER,
      'b2 join instance=i1 → 2 range follows a',
      'b2 sync instance=i1 → y',
      'a heartbeat → ok',
      'b heartbeat instance=i1 → FENCED_INSTANCE_ID',
      'b sync instance=i1 → FENCED_INSTANCE_ID',
      'b join instance=i1 → FENCED_INSTANCE_ID',
      'b heartbeat → UNKNOWN_MEMBER_ID',
      'b leave b@i1 → FENCED_INSTANCE_ID',
      'b2 heartbeat instance=i1 → ok',
    ],
  },
  {
    name: 'stable: a static leader that comes back keeps what it assigned',
    steps: [
      ...STATIC_LEADER,
      'a2 join instance=i1 metadata=a → 2 range leads a2(a),b and keeps its assignment',
      'a2 sync instance=i1 → x',
      'b heartbeat → ok',
      'a heartbeat instance=i1 → FENCED_INSTANCE_ID',
    ],
  },
  {
    name: 'stable: a static member that comes back with another assignor in front has all join again if that one wins',
    steps: [
      'a joins instance=i1 offers=range,sticky → 1 range leads a',
      'a sync instance=i1 a:x → x',
      'a2 join instance=i1 offers=sticky,range → 2 sticky leads a2',
    ],
  },
  {
    name: 'stable: a static member that comes back with another assignor in front changes nothing if it is outvoted',
    steps: [
      'a joins offers=range,sticky → 1 range leads a',
      ...[
        'b join instance=i1 offers=range,sticky → REBALANCE_IN_PROGRESS again',
        ...enters('c', 'offers=range,sticky'),
      ],
      [
        'a joins offers=range,sticky → 2 range leads a,b,c',
        'b joins instance=i1 offers=range,sticky → 2 range follows a',
        'c joins offers=range,sticky → 2 range follows a',
      ],
      ['a syncs a:x b:y c:z → x', 'b syncs → y', 'c syncs → z'],
      'b2 join instance=i1 offers=sticky,range → 2 range follows a',
      'b2 sync instance=i1 → y',
    ],
  },
  {
    name: 'completing: a static member that comes back begins another generation, and fences its former self',
    steps: [
      'a joins → 1 range leads a',
      'b join instance=i1 → REBALANCE_IN_PROGRESS again',
      ['a joins → 2 range leads a,b', 'b joins instance=i1 → 2 range follows a'],
      ['b sync instance=i1 → FENCED_INSTANCE_ID', 'then b2 join instance=i1 → REBALANCE_IN_PROGRESS again'],
      'a heartbeat → REBALANCE_IN_PROGRESS',
      ['a joins → 3 range leads a,b2', 'b2 joins instance=i1 → 3 range follows a'],
    ],
  },
  {
    name: 'preparing: a static member that comes back takes the place of its former self, which waits no more',
    steps: [
      ...STATIC_FOLLOWER,
      ...enters('c'),
      ['b join instance=i1 → FENCED_INSTANCE_ID', 'then b2 join instance=i1 → REBALANCE_IN_PROGRESS again'],
      [
        'a joins → 3 range leads a,b2,c',
        'b2 joins instance=i1 → 3 range follows a',
        'c joins → 3 range follows a',
      ],
    ],
  },
  {
    name: 'preparing: a static leader that comes back goes on leading',
    steps: [
      ...STATIC_LEADER,
      ...enters('c'),
      'a2 join instance=i1 → REBALANCE_IN_PROGRESS again',
      [
        'a2 joins instance=i1 → 3 range leads a2,b,c',
        'b joins → 3 range follows a2',
        'c joins → 3 range follows a2',
      ],
    ],
  },
  {
    name: 'two at once of one name: one is a member, the other is fenced',
    steps: [
      'a joins → 1 range leads a',
      ['b join instance=i1 → FENCED_INSTANCE_ID', 'then c join instance=i1 → REBALANCE_IN_PROGRESS again'],
      ['a joins → 2 range leads a,c', 'c joins instance=i1 → 2 range follows a'],
    ],
  },
  {
    name: 'a static member that does not join again stays until its session is over',
    steps: [
      'a joins session=60000 rebalance=10000 → 1 range leads a',
      'b join instance=i1 session=60000 rebalance=10000 → REBALANCE_IN_PROGRESS again',
      [
        'a joins session=60000 rebalance=10000 → 2 range leads a,b',
        'b joins instance=i1 session=60000 rebalance=10000 → 2 range follows a',
      ],
      ['a syncs a:x b:y → x', 'b syncs instance=i1 → y'],
      'a join session=60000 rebalance=10000 → REBALANCE_IN_PROGRESS again',
      '8000 ms',
      'a join session=60000 rebalance=10000 → 3 range leads a,b',
      'a sync a:x b:y → x',
      'b heartbeat instance=i1 → ILLEGAL_GENERATION',
      'b joins instance=i1 session=60000 rebalance=10000 → 3 range follows a',
      'b sync instance=i1 → y',
    ],
  },
  {
    name: 'a rebalance in which only static members are left goes on until one of them comes, or all are gone',
    steps: [
      'a join instance=i1 session=20000 rebalance=10000 → 1 range leads a',
      ...enters('b', 'session=20000 rebalance=10000'),
      [
        'a joins instance=i1 session=20000 rebalance=10000 → 2 range leads a,b',
        'b joins session=20000 rebalance=10000 → 2 range follows a',
      ],
      ['a syncs instance=i1 a:x b:y → x', 'b syncs → y'],
      'b leave b → ok',
      '10000 ms',
      'a heartbeat instance=i1 → REBALANCE_IN_PROGRESS',
      '19999 ms',
      'a heartbeat instance=i1 → REBALANCE_IN_PROGRESS',
      '20000 ms',
      ...['c join → MEMBER_ID_REQUIRED', 'c join → 4 range leads c'],
      'a heartbeat instance=i1 → UNKNOWN_MEMBER_ID',
    ],
  },
  {
    name: 'an operator removes a static member by its name',
    steps: [
      ...STATIC_FOLLOWER,
      'a leave @i1 → ok',
      'b heartbeat instance=i1 → UNKNOWN_MEMBER_ID',
      'a heartbeat → REBALANCE_IN_PROGRESS',
      'a joins → 3 range leads a',
    ],
  },
]

test.each(TRANSCRIPTS)('$name', async (transcript) => {
  await runTranscript(transcript)
})
