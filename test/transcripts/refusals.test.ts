import { test } from 'vitest'
import { enters, runTranscript, type Transcript } from './transcript.ts'

const TRANSCRIPTS: readonly Transcript[] = [
  {
    name: 'a group has a name',
    steps: [
      'a join group=none → INVALID_GROUP_ID',
      'a sync group=none → INVALID_GROUP_ID',
      'a heartbeat group=none → INVALID_GROUP_ID',
      'a leave a group=none → INVALID_GROUP_ID',
    ],
  },
  {
    name: 'a session lasts as long as the cluster lets it',
    configs: { 'group.min.session.timeout.ms': '6000', 'group.max.session.timeout.ms': '60000' },
    steps: [
      'a join session=5999 → INVALID_SESSION_TIMEOUT',
      'a join session=60001 → INVALID_SESSION_TIMEOUT',
      'a join session=6000 → MEMBER_ID_REQUIRED',
      'a join session=6000 → 1 range leads a',
    ],
  },
  {
    name: 'nobody is a member of a group that there is not',
    steps: [
      'a join as=somebody → UNKNOWN_MEMBER_ID',
      'a sync as=somebody generation=1 → UNKNOWN_MEMBER_ID',
      'a heartbeat as=somebody generation=1 → UNKNOWN_MEMBER_ID',
      'a leave somebody → UNKNOWN_MEMBER_ID',
      'a leave @instance → UNKNOWN_MEMBER_ID',
    ],
  },
  {
    name: 'an id that was given out lately joins, one that was made up or is old does not',
    steps: [
      'a join → MEMBER_ID_REQUIRED',
      '9999 ms',
      'a join → 1 range leads a',
      'b join → MEMBER_ID_REQUIRED',
      '10000 ms',
      'b join → UNKNOWN_MEMBER_ID',
      'c join as=c-01KAJXH6H0AAAAAAAAAAAAAAAA → UNKNOWN_MEMBER_ID',
      'c join as=c-not-a-ulid → UNKNOWN_MEMBER_ID',
    ],
  },
  {
    name: 'an id that was given out, and never joined, may leave',
    steps: ['a join → MEMBER_ID_REQUIRED', 'a leave a → ok', 'a heartbeat generation=0 → UNKNOWN_MEMBER_ID'],
  },
  {
    name: 'a request of another generation is refused in every state',
    steps: [
      'a joins → 1 range leads a',
      'a sync generation=0 → ILLEGAL_GENERATION',
      'a heartbeat generation=2 → ILLEGAL_GENERATION',
      'a sync a:x → x',
      'a sync generation=2 → ILLEGAL_GENERATION',
      'a heartbeat generation=0 → ILLEGAL_GENERATION',
      'b join → MEMBER_ID_REQUIRED',
      'b join → REBALANCE_IN_PROGRESS again',
      'a heartbeat generation=2 → ILLEGAL_GENERATION',
      'a sync generation=2 → ILLEGAL_GENERATION',
      'a heartbeat → REBALANCE_IN_PROGRESS',
    ],
  },
  {
    name: 'a sync that believes in another assignor is refused',
    steps: [
      'a joins → 1 range leads a',
      'a sync protocol=sticky → INCONSISTENT_GROUP_PROTOCOL',
      'a sync type=connect → INCONSISTENT_GROUP_PROTOCOL',
      'a sync type=consumer protocol=range a:x → x',
    ],
  },
  {
    name: 'a member of another kind, or without an assignor in common, is refused in every state',
    steps: [
      'a joins offers=range,sticky → 1 range leads a',
      'b join offers=cooperative → INCONSISTENT_GROUP_PROTOCOL',
      'b join type=connect → INCONSISTENT_GROUP_PROTOCOL',
      'a syncs a:x → x',
      'b join offers=cooperative → INCONSISTENT_GROUP_PROTOCOL',
      'a join offers=cooperative → INCONSISTENT_GROUP_PROTOCOL',
      'a heartbeat → ok',
      'b join → MEMBER_ID_REQUIRED',
      'b join offers=sticky → REBALANCE_IN_PROGRESS again',
      'c join offers=range → INCONSISTENT_GROUP_PROTOCOL',
      'c join type=connect offers=sticky → INCONSISTENT_GROUP_PROTOCOL',
      ['a joins offers=range,sticky → 2 sticky leads a,b', 'b joins offers=sticky → 2 sticky follows a'],
    ],
  },
  {
    name: 'what the members have in common grows when the one that kept it small leaves',
    steps: [
      'a joins offers=range,sticky → 1 range leads a',
      ...enters('b', 'offers=range'),
      ['b joins offers=range → 2 range follows a', 'a joins offers=range,sticky → 2 range leads a,b'],
      'c join offers=sticky → INCONSISTENT_GROUP_PROTOCOL',
      'b leave b → ok',
      'c join offers=sticky → MEMBER_ID_REQUIRED',
      'c join offers=sticky → REBALANCE_IN_PROGRESS again',
      ['c joins offers=sticky → 3 sticky follows a', 'a joins offers=range,sticky → 3 sticky leads a,c'],
    ],
  },
  {
    name: 'an empty group takes members of any kind',
    steps: [
      'a joins → 1 range leads a',
      'a leave a → ok',
      'b joins type=connect offers=compatible → 3 compatible leads b',
    ],
  },
  {
    name: 'a group has so many members and no more',
    limits: { maxGroupMembers: 2 },
    steps: [
      'a joins → 1 range leads a',
      ...enters('b'),
      ['b joins → 2 range follows a', 'a joins → 2 range leads a,b'],
      'c join → GROUP_MAX_SIZE_REACHED',
      ['a sync a:x b:y → x', 'b syncs → y'],
      'c join → GROUP_MAX_SIZE_REACHED',
      'b join → 2 range follows a',
      'a join → REBALANCE_IN_PROGRESS again',
      'c join → MEMBER_ID_REQUIRED',
      'c join → REBALANCE_IN_PROGRESS again',
      'b join → GROUP_MAX_SIZE_REACHED',
    ],
  },
  {
    name: 'who leaves twice in one request leaves once, and others are told for themselves',
    steps: [
      'a joins → 1 range leads a',
      ...enters('b'),
      ['b joins → 2 range follows a', 'a joins → 2 range leads a,b'],
      'b leave b b somebody @nobody → ok ok UNKNOWN_MEMBER_ID UNKNOWN_MEMBER_ID',
    ],
  },
]

test.each(TRANSCRIPTS)('$name', async (transcript) => {
  await runTranscript(transcript)
})
