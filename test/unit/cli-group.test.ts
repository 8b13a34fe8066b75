import { describe, expect, test } from 'vitest'
import { groupText, ownedPartitions } from '../../cli/describe-group.ts'
import type { DescribedGroup } from '../../shared/protocol/api/groups.ts'
import { encodeAssignment } from '../../shared/protocol/consumer-protocol.ts'

const member = (memberId: string, partitions: readonly number[]) => ({
  memberId,
  groupInstanceId: null,
  clientId: `client-of-${memberId}`,
  metadata: '',
  assignment: Buffer.from(
    encodeAssignment({ assignedPartitions: new Map([['t1', partitions]]), userData: null }),
  ).toString('base64'),
})

const group = (members: DescribedGroup['members']): DescribedGroup => ({
  errorCode: 0,
  groupId: 'g1',
  groupState: members.length === 0 ? 'Empty' : 'Stable',
  protocolType: 'consumer',
  protocolName: 'range',
  generationId: 3,
  members,
})

const committed = (partitionIndex: number, committedOffset: number) => ({
  errorCode: 0 as const,
  partitionIndex,
  committedOffset,
  committedLeaderEpoch: 0,
  metadata: '',
})

describe('group describe', () => {
  test('shows each partition once, whether it is committed, read, or both', () => {
    const offsets = [{ name: 't1', partitions: [committed(1, 5), committed(0, 7), committed(3, -1)] }]
    expect(ownedPartitions(group([member('m1', [0, 2])]), offsets)).toEqual([
      { topic: 't1', partition: 0, committedOffset: 7, memberId: 'm1', clientId: 'client-of-m1' },
      { topic: 't1', partition: 1, committedOffset: 5, memberId: undefined, clientId: undefined },
      { topic: 't1', partition: 2, committedOffset: undefined, memberId: 'm1', clientId: 'client-of-m1' },
    ])
  })

  test('prints the lag, and `-` for what nobody knows', () => {
    const stable = group([member('m1', [0, 1]), member('m2', [])])
    const rows = ownedPartitions(stable, [{ name: 't1', partitions: [committed(0, 7)] }])
    const ends = rows.map((row) => ({ ...row, logEndOffset: row.partition === 0 ? 10 : undefined }))
    expect(groupText(stable, ends).split('\n')).toEqual([
      'GROUP  TOPIC  PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG  CONSUMER-ID  CLIENT-ID',
      'g1     t1     0          7               10              3    m1           client-of-m1',
      'g1     t1     1          -               -               -    m1           client-of-m1',
      'g1     -      -          -               -               -    m2           client-of-m2',
      '',
    ])
  })

  test('says that a group has no members', () => {
    expect(groupText(group([]), [])).toMatch(/^Group g1 has no members \(Empty\)\.\n/)
  })

  test('never shows a lag below zero, where the log was truncated behind a commit', () => {
    const empty = group([])
    const rows = ownedPartitions(empty, [{ name: 't1', partitions: [committed(0, 7)] }])
    const text = groupText(
      empty,
      rows.map((row) => ({ ...row, logEndOffset: 5 })),
    )
    expect(text).toMatch(/t1 +0 +7 +5 +0 +- +-/)
  })
})
