import { describe, expect, test } from 'vitest'
import { clusterText } from '../../cli/cluster-text.ts'
import { type DescribeOptions, partitionFilter } from '../../cli/describe-topics.ts'
import { electedText } from '../../cli/elect-leaders.ts'
import { errorText } from '../../cli/error-text.ts'
import { failureReport } from '../../cli/failure-report.ts'
import { rateText } from '../../cli/progress.ts'
import { describedText, partitionsText, topicsText } from '../../cli/topic-text.ts'
import { rowError, StratologError } from '../../client/index.ts'

const topic = {
  errorCode: 0,
  name: 'orders',
  topicId: 'AAAAAAAAAAAAAAAAAAAAAA',
  isInternal: false,
  partitions: [
    {
      errorCode: 0,
      partitionIndex: 0,
      leaderId: 1,
      leaderEpoch: 4,
      replicaNodes: [1, 2],
      isrNodes: [1],
      offlineReplicas: [2],
      highWatermark: 7,
      lastStableOffset: 6,
      logStartOffset: 0,
      logEndOffset: 8,
      truncations: [
        {
          leaderEpoch: 3,
          fromOffset: 5,
          toOffset: 9,
          committedTo: 6,
          reason: 'unclean leader election',
          atMs: Date.UTC(2026, 10, 21),
        },
      ],
    },
    {
      errorCode: 5,
      partitionIndex: 1,
      leaderId: -1,
      leaderEpoch: 0,
      replicaNodes: [2, 0],
      isrNodes: [],
      offlineReplicas: [2, 0],
    },
  ],
} as const

describe('topics', () => {
  test('are described as kafka-topics does', () => {
    const config = { readOnly: false, isSensitive: false }
    const configs = [
      { ...config, name: 'retention.ms', value: '1', configSource: 1 },
      { ...config, name: 'segment.ms', value: '2', configSource: 5 },
      { ...config, name: 'cleanup.policy', value: 'compact', configSource: 1 },
    ] as const
    expect(describedText(topic, configs)).toBe(
      [
        'Topic: orders\tTopicId: AAAAAAAAAAAAAAAAAAAAAA\tPartitionCount: 2\tReplicationFactor: 2\tConfigs: retention.ms=1,cleanup.policy=compact',
        '\tTopic: orders\tPartition: 0\tLeader: 1\tLeaderEpoch: 4\tReplicas: 1,2\tIsr: 1\tHighWatermark: 7\tLastStableOffset: 6\tLogStartOffset: 0\tLogEndOffset: 8',
        '\tTopic: orders\tPartition: 0\tTruncatedFrom: 5\tTruncatedTo: 9\tCommittedTo: 6\tLeaderEpoch: 3\tReason: unclean leader election\tAt: 2026-11-21T00:00:00.000Z',
        '\tTopic: orders\tPartition: 1\tLeader: none\tLeaderEpoch: 0\tReplicas: 2,0\tIsr: \tHighWatermark: -1\tLastStableOffset: -1\tLogStartOffset: -1\tLogEndOffset: -1',
        '',
      ].join('\n'),
    )
  })

  test.each<{ options: DescribeOptions; shown: readonly number[] | undefined }>([
    { options: {}, shown: undefined },
    { options: { underReplicated: true }, shown: [0, 1] },
    { options: { unavailable: true }, shown: [1] },
  ])('with $options show partitions $shown', ({ options, shown }) => {
    const inSync = { ...topic.partitions[0], partitionIndex: 2, isrNodes: [1, 2] }
    const isAsked = partitionFilter(options)
    const partitions = isAsked && [...topic.partitions, inSync].filter(isAsked)
    expect(partitions?.map(({ partitionIndex }) => partitionIndex)).toEqual(shown)
  })

  test('of which some partitions are asked for are a line for each', () => {
    const lines = partitionsText({ ...topic, partitions: topic.partitions.slice(1) })
    expect(lines).toMatch(/^\tTopic: orders\tPartition: 1\tLeader: none\t.*\n$/)
  })

  test('are listed in columns', () => {
    expect(topicsText([topic])).toBe('TOPIC   PARTITIONS  REPLICAS\norders  2           2\n')
  })
})

test('an election shows who leads, and what it took from the log', () => {
  const [led, leaderless] = topic.partitions
  const after = { name: 'orders', partitions: [{ ...led, leaderEpoch: 3 }, { ...leaderless }] }
  const failed = { errorCode: 84, errorMessage: '', retriable: false, effect: 'none' } as const
  const needless = { ...failed, partitionIndex: 0, errorName: 'ELECTION_NOT_NEEDED' } as const
  const rows = [
    { partitionIndex: 0, errorCode: 0, leaderId: 1, leaderEpoch: 3 },
    { ...failed, partitionIndex: 1, errorName: 'ELIGIBLE_LEADERS_NOT_AVAILABLE' },
  ] as const
  expect(electedText(rows, after)).toBe(
    [
      'PARTITION  LEADER  LEADER-EPOCH  ELECTION',
      '0          1       3             ELECTED',
      '1          -       0             ELIGIBLE_LEADERS_NOT_AVAILABLE',
      'Topic: orders\tPartition: 0\tTruncatedFrom: 5\tTruncatedTo: 9\tCommittedTo: 6\tLeaderEpoch: 3\tReason: unclean leader election\tAt: 2026-11-21T00:00:00.000Z',
      '',
    ].join('\n'),
  )
  expect(electedText([needless], after)).toMatch(/\n0 +1 +3 +ELECTION_NOT_NEEDED\n$/)
})

test('the controller is named with its epoch', () => {
  const controller = { holder: 'environment-1', epoch: 4, expiresAtMs: 0 }
  const cluster = { clusterId: 'c1', apiVersion: 1, features: [], controller, nodes: [] }
  expect(clusterText(cluster, 0)).toMatch(/\tController: environment-1\tControllerEpoch: 4\n/)
})

test('the cluster is a line, then its nodes', () => {
  const cluster = {
    clusterId: 'c1',
    apiVersion: 1,
    features: [],
    controller: null,
    nodes: [
      { nodeId: 0, zone: 'a', incarnation: 1, state: 'UP', nodeEpoch: 3, holdDownUntilMs: 0 },
      { nodeId: 1, zone: 'b', incarnation: 2, state: 'DOWN', nodeEpoch: 4, holdDownUntilMs: 1000 },
      { nodeId: 2, zone: 'c', incarnation: 1, state: 'UP', nodeEpoch: 2, holdDownUntilMs: 999 },
    ],
  } as const
  expect(clusterText(cluster, 999)).toBe(
    [
      'ClusterId: c1\tApiVersion: 1\tFeatures: none\tController: none\tControllerEpoch: none',
      'NODE  ZONE  STATE  INCARNATION  EPOCH  HOLD-DOWN-UNTIL',
      '0     a     UP     1            3      -',
      '1     b     DOWN   2            4      1970-01-01T00:00:01.000Z',
      '2     c     UP     1            2      -',
      '',
    ].join('\n'),
  )
})

describe('failures', () => {
  test('an error of the service is followed by its name', () => {
    const error = rowError({ errorCode: 36, errorMessage: 'topic exists topic=a' })
    expect(errorText(error)).toBe('topic exists topic=a error=TOPIC_ALREADY_EXISTS')
  })

  test('an endpoint that is not there has no name for it', () => {
    const error = new StratologError('NETWORK_EXCEPTION', 'cannot reach http://a: connection refused', {
      retriable: true,
      effect: 'none',
    })
    expect(errorText(error)).toBe('cannot reach http://a: connection refused')
  })

  test('a produce names the lines by what became of them', () => {
    const end = {
      failure: new Error('no answer'),
      refused: [],
      unknown: [3, 4],
      notSent: [5],
      notReadFrom: 6,
    }
    expect(failureReport(end)).toBe('no answer\nunknown whether written lines=3-4\nnot sent lines=5-')
  })
})

test('the rate is that of all so far', () => {
  expect(rateText({ records: 3000, bytes: 2_500_000, ms: 2000 })).toBe(
    '3000 records, 1500 records/s, 1.3 MB/s',
  )
})
