import { describe, expect, test } from 'vitest'
import { parseClusterConfigs } from '../../shared/protocol/cluster-configs.ts'
import {
  checkTopicConfigs,
  defaultTopicConfig,
  TOPIC_CONFIG_NAMES,
} from '../../shared/protocol/topic-configs.ts'

const refused = expect.objectContaining({ errorName: 'INVALID_CONFIG' })

describe('topic configs', () => {
  test('every default is a value the config can have', () => {
    for (const name of TOPIC_CONFIG_NAMES) {
      expect(checkTopicConfigs([{ name, value: defaultTopicConfig(name) }])).toEqual({
        [name]: defaultTopicConfig(name),
      })
    }
  })

  test.each([
    ['retention.ms', '-1'],
    ['retention.ms', '9223372036854775807'],
    ['max.message.bytes', '0'],
    ['max.message.bytes', '4194304'],
    ['min.cleanable.dirty.ratio', '.5'],
    ['min.cleanable.dirty.ratio', '1'],
    ['cleanup.policy', 'compact, delete'],
    ['compression.type', 'uncompressed'],
    ['leader.replication.throttled.replicas', ''],
  ])('%s may be %s', (name, value) => {
    expect(checkTopicConfigs([{ name, value }])).toEqual({ [name]: value })
  })

  test.each([
    ['retention.ms', '-2'],
    ['retention.ms', '9223372036854775808'],
    ['retention.ms', '1.5'],
    ['retention.ms', ' 1'],
    ['retention.ms', ''],
    ['max.message.bytes', '4194305'],
    ['min.insync.replicas', '0'],
    ['min.cleanable.dirty.ratio', '1.01'],
    ['min.cleanable.dirty.ratio', '-0.1'],
    ['cleanup.policy', 'compact,'],
    ['compression.type', 'brotli'],
    ['preallocate', 'TRUE'],
    ['preallocate', null],
    ['retention', '1'],
    ['constructor', '1'],
  ])('%s may not be %s', (name, value) => {
    expect(() => checkTopicConfigs([{ name, value }])).toThrow(refused)
  })

  test('a config given twice is refused, equal or not', () => {
    const given = { name: 'retention.ms', value: '1' }
    expect(() => checkTopicConfigs([given, given])).toThrow(/twice name=retention.ms/)
  })
})

describe('cluster configs', () => {
  test('nothing given, everything has its default', () => {
    expect(parseClusterConfigs({}, 3)).toEqual({
      'auto.create.topics.enable': true,
      'num.partitions': 1,
      'default.replication.factor': 3,
      'min.insync.replicas': 2,
      'group.initial.rebalance.delay.ms': 3000,
      'group.min.session.timeout.ms': 6000,
      'group.max.session.timeout.ms': 1_800_000,
      'offsets.retention.minutes': 10_080,
      'message.max.bytes': 1_048_588,
    })
  })

  test.each([
    { nodes: 1, expected: 1 },
    { nodes: 2, expected: 2 },
    { nodes: 9, expected: 3 },
  ])('on $nodes nodes the default replication factor is $expected', ({ nodes, expected }) => {
    expect(parseClusterConfigs({}, nodes)['default.replication.factor']).toBe(expected)
  })

  test('what is given goes before the default', () => {
    const given = {
      'num.partitions': '12',
      'auto.create.topics.enable': 'false',
      'default.replication.factor': '2',
    }
    expect(parseClusterConfigs(given, 3)).toMatchObject({
      'num.partitions': 12,
      'auto.create.topics.enable': false,
      'default.replication.factor': 2,
    })
  })

  const wantsPartitions = 'cluster config must be an integer of 1 to 1000 name=num.partitions value='
  test.each([
    { given: { 'num.partitions': '0' }, message: `${wantsPartitions}0` },
    { given: { 'num.partitions': '1001' }, message: `${wantsPartitions}1001` },
    { given: { 'num.partitions': '1e2' }, message: `${wantsPartitions}1e2` },
    { given: { 'num.partitions': '' }, message: wantsPartitions },
    {
      given: { 'auto.create.topics.enable': 'yes' },
      message: 'cluster config must be one of true, false name=auto.create.topics.enable value=yes',
    },
    {
      given: { 'message.max.bytes': '4194305' },
      message: 'cluster config must be an integer of 0 to 4194304 name=message.max.bytes value=4194305',
    },
    { given: { 'no.such.config': '1' }, message: 'unknown cluster config name=no.such.config' },
    {
      given: { 'default.replication.factor': '4' },
      message:
        'cluster config must be at most the number of nodes name=default.replication.factor value=4 nodes=3',
    },
  ])('$given is refused in words', ({ given, message }) => {
    expect(() => parseClusterConfigs(given, 3)).toThrow(
      expect.objectContaining({ errorName: 'INVALID_CONFIG', message }),
    )
  })
})
