import { describe, expect, test } from 'vitest'
import type {
  Consumer,
  ConsumerOptions,
  ConsumerRecord,
  StratologError,
  TopicPartition,
} from '../../client/index.ts'
import { type ConsumerService, consumerService } from '../support/consumer-service.ts'

const text = (bytes: Uint8Array | null) => (bytes === null ? '' : new TextDecoder().decode(bytes))
const name = ({ topic, partition }: TopicPartition) => `${topic}${partition}`
const names = (partitions: readonly TopicPartition[]) => partitions.map(name).join(' ')
const values = (count: number, from = 0) => Array.from({ length: count }, (_, at) => `v${from + at}`)
const FAST = { sessionTimeoutMs: 6000, heartbeatIntervalMs: 1000, rebalanceTimeoutMs: 10_000 }

interface Member {
  readonly consumer: Consumer
  readonly records: ConsumerRecord[]
  /** What the listener was told. */
  readonly told: string[]
  readonly warnings: StratologError[]
  /** Its requests are lost. */
  cutOff: boolean
  /** Called before each of its requests, which wait for it. */
  before: (api: string) => Promise<void> | void
}

type Handle = (record: ConsumerRecord, signal: AbortSignal) => Promise<void> | void

/** A member that notes all it sees. `handle` may take its time. */
async function member(
  service: ConsumerService,
  options: ConsumerOptions & { readonly handle?: Handle } = {},
  topics: readonly (string | RegExp)[] = ['t'],
): Promise<Member> {
  const { handle, ...rest } = options
  const cut = async (api: string) => {
    await noted.before(api)
    return noted.cutOff
  }
  const client = service.client({ cut })
  const consumer = client.consumer({ groupId: 'g', ...FAST, ...rest })
  const noted: Member = { consumer, records: [], told: [], warnings: [], cutOff: false, before: () => {} }
  consumer.on('warning', ({ error }) => noted.warnings.push(error))
  const tell = (what: string) => (partitions: readonly TopicPartition[]) =>
    void noted.told.push(`${what} ${names(partitions)}`)
  await consumer.subscribe({
    topics,
    onPartitionsAssigned: tell('assigned'),
    onPartitionsRevoked: tell('revoked'),
    onPartitionsLost: tell('lost'),
  })
  await consumer.run({
    autoCommit: { intervalMs: 1000 },
    eachRecord: async ({ record, signal }) => {
      noted.records.push(record)
      await handle?.(record, signal)
    },
  })
  return noted
}

async function serviceWith(partitions: number): Promise<ConsumerService> {
  const service = await consumerService({ configs: { 'group.initial.rebalance.delay.ms': '0' } })
  await service.createTopic('t', partitions)
  return service
}

async function committed(service: ConsumerService, groupId = 'g'): Promise<Record<string, bigint>> {
  const { topics } = await service.client().transport.call('offset-fetch', { groupId })
  return Object.fromEntries(
    topics.flatMap(({ name: topic, partitions }) =>
      partitions.map((row) => [name({ topic, partition: row.partitionIndex }), BigInt(row.committedOffset)]),
    ),
  )
}

const seenBy = (members: readonly Member[]) =>
  members.flatMap(({ records }) => records.map(({ value }) => text(value)))
const assigned = (one: Member) => names(one.consumer.assignment())
const calls = (service: ConsumerService, api: string) => service.seen.filter((request) => request.api === api)

describe('a member alone', () => {
  test('is assigned everything, hands it out, and commits what was finished', async () => {
    const service = await serviceWith(2)
    await service.append('t', 0, values(3))
    await service.append('t', 1, ['w'])
    const one = await member(service)
    await service.until(() => one.records.length === 4)
    await service.pass(2000)
    expect(one.told).toEqual(['assigned t0 t1'])
    expect(await committed(service)).toEqual({ t0: 3n, t1: 1n })
  })

  test('may have more partitions than one request names', async () => {
    const service = await serviceWith(700)
    for (const topic of ['u', 'v']) await service.createTopic(topic, 700)
    for (const topic of ['t', 'u', 'v']) await service.append(topic, 699, ['first'])
    const one = await member(service, {}, ['t', 'u', 'v'])
    await service.until(() => one.records.length === 3)
    await service.append('t', 0, ['second'])
    await service.until(() => one.records.length === 4)
    const all = one.consumer.assignment().map((partition) => ({ ...partition, offset: 0n }))
    await one.consumer.commit(all)
    expect(all).toHaveLength(2100)
    expect(await one.consumer.committed(all)).toHaveLength(2100)
  })

  test('commits nothing when nothing moved', async () => {
    const service = await serviceWith(1)
    await service.append('t', 0, values(3))
    const one = await member(service)
    await service.until(() => one.records.length === 3)
    await service.pass(2000)
    const before = calls(service, 'offset-commit').length
    await service.pass(30_000)
    expect(before).toBe(1)
    expect(calls(service, 'offset-commit')).toHaveLength(before)
  })

  test('K23: never has more committed than its handlers have finished', async () => {
    const service = await serviceWith(1)
    await service.append('t', 0, values(20))
    let finished = 0n
    const one = await member(service, {
      handle: async ({ offset }) => {
        await service.pass(700)
        const { t0 = 0n } = await committed(service)
        expect(t0).toBeLessThanOrEqual(offset)
        finished = offset + 1n
      },
    })
    await service.until(() => one.records.length === 20)
    await service.until(() => finished === 20n)
    await one.consumer.close()
    expect(await committed(service)).toEqual({ t0: 20n })
  })

  test('with workers by key commits only up to the lowest record that is not finished', async () => {
    const service = await serviceWith(1)
    await service.append('t', 0, ['a=0', 'b=1', 'c=2', 'b=3'])
    const slow = Promise.withResolvers<void>()
    const one = await member(service, {
      keyConcurrency: 3,
      handle: ({ value }) => (text(value) === '1' ? slow.promise : undefined),
    })
    await service.until(() => one.records.length === 3)
    await service.pass(3000)
    expect(await committed(service)).toEqual({ t0: 1n })
    slow.resolve()
    await service.until(() => one.records.length === 4)
    await service.pass(3000)
    expect(await committed(service)).toEqual({ t0: 4n })
  })

  test('goes on where it left off, with the leader epoch of what it had read', async () => {
    const service = await serviceWith(1)
    await service.append('t', 0, values(3))
    const one = await member(service)
    await service.until(() => one.records.length === 3)
    await one.consumer.close()
    expect(one.told).toEqual(['assigned t0', 'revoked t0'])
    await service.append('t', 0, ['v3'])
    const from = service.seen.length
    const two = await member(service)
    await service.until(() => two.records.length > 0)
    expect(seenBy([two])).toEqual(['v3'])
    const first = service.seen.slice(from).find(({ api }) => api === 'fetch')
    expect(first?.body).toMatchObject({
      topics: [{ partitions: [{ fetchOffset: 3, lastFetchedEpoch: 0, currentLeaderEpoch: 0 }] }],
    })
  })

  test('K24: one that begins at the latest offset says so at once: a restart passes nothing over', async () => {
    const service = await serviceWith(1)
    await service.append('t', 0, values(2))
    const one = await member(service, { startFrom: 'latest' })
    await service.until(() => assigned(one) === 't0')
    await service.pass(2000)
    await one.consumer.close()
    await service.append('t', 0, ['v2'])
    const two = await member(service, { startFrom: 'latest' })
    await service.until(() => two.records.length === 1)
    expect(seenBy([two])).toEqual(['v2'])
  })

  test('follows a pattern: a topic that comes is read without a restart', async () => {
    const service = await serviceWith(1)
    const one = await member(service, { metadataMaxAgeMs: 10_000 }, [/^t/])
    await service.until(() => assigned(one) === 't0')
    await service.createTopic('tea', 1)
    await service.createTopic('other', 1)
    await service.append('tea', 0, ['v'])
    await service.until(() => one.records.length === 1)
    expect(assigned(one)).toBe('t0 tea0')
  })

  test('is told once of a topic that is not there, and reads it when it comes', async () => {
    const service = await serviceWith(1)
    const one = await member(service, {}, ['t', 'later', 'bad name'])
    await service.pass(20_000)
    expect(one.warnings.map(({ errorName, message }) => `${errorName} ${message}`)).toEqual([
      expect.stringMatching(/^INVALID_TOPIC_EXCEPTION .*bad name/),
      'UNKNOWN_TOPIC_OR_PARTITION unknown topic topic=later',
    ])
    await service.createTopic('later', 1)
    await service.append('later', 0, ['first'])
    await service.until(() => one.records.length === 1)
  })

  test('reads a topic that was deleted, and came again later', async () => {
    const service = await serviceWith(1)
    await service.append('t', 0, ['old'])
    const one = await member(service)
    await service.until(() => one.records.length === 1)
    await service.pass(20_000)
    await service.client().transport.call('delete-topics', { topics: [{ name: 't' }] })
    await service.pass(20_000)
    expect(one.consumer.assignment()).toEqual([])
    await service.createTopic('t', 1)
    await service.append('t', 0, ['new'])
    await service.until(() => one.records.length === 2)
    expect(one.warnings.map(({ errorName }) => errorName)).toContain('UNKNOWN_TOPIC_OR_PARTITION')
  })

  test('is given new partitions of its topics', async () => {
    const service = await serviceWith(1)
    const one = await member(service, { metadataMaxAgeMs: 10_000 })
    await service.until(() => assigned(one) === 't0')
    await service.client().transport.call('create-partitions', { topics: [{ name: 't', count: 2 }] })
    await service.append('t', 1, ['v'])
    await service.until(() => one.records.length === 1)
    expect(assigned(one)).toBe('t0 t1')
  })
})

describe('members of one group', () => {
  test('share the partitions: each record is handed out once', async () => {
    const service = await serviceWith(4)
    const members = [await member(service), await member(service), await member(service)]
    await service.until(() => members.every(({ consumer }) => consumer.assignment().length > 0))
    for (const partition of [0, 1, 2, 3]) await service.append('t', partition, values(3, partition * 3))
    await service.until(() => seenBy(members).length === 12)
    await service.pass(3000)
    expect(seenBy(members).sort()).toEqual(values(12).sort())
    expect(members.map(({ consumer }) => consumer.assignment().length).sort()).toEqual([1, 1, 2])
  })

  test('that leave hand over what they finished; nothing is lost or done twice', async () => {
    const service = await serviceWith(2)
    const [one, two] = [await member(service), await member(service)]
    await service.until(() => [one, two].every((each) => each.consumer.assignment().length === 1))
    await service.append('t', 0, values(5))
    await service.append('t', 1, values(5, 5))
    await service.until(() => seenBy([one, two]).length === 10)
    await one.consumer.close()
    await service.append('t', 0, ['v10'])
    await service.append('t', 1, ['v11'])
    await service.until(() => seenBy([one, two]).length === 12)
    await service.pass(3000)
    expect(seenBy([one, two]).sort()).toEqual(values(12).sort())
    expect(assigned(two)).toBe('t0 t1')
  })

  test('that are cooperative go on with what they keep while others join', async () => {
    const service = await serviceWith(4)
    const one = await member(service, { assignors: ['cooperative-sticky'] })
    await service.until(() => one.consumer.assignment().length === 4)
    const two = await member(service, { assignors: ['cooperative-sticky'] })
    await service.until(() => two.consumer.assignment().length === 2)
    await service.pass(3000)
    const revoked = one.told.filter((line) => line.startsWith('revoked'))
    expect(revoked).toHaveLength(1)
    expect(revoked[0]?.split(' ')).toHaveLength(3)
    expect([...one.consumer.assignment(), ...two.consumer.assignment()].map(name).sort()).toEqual([
      't0',
      't1',
      't2',
      't3',
    ])
    expect(one.told.filter((line) => line !== 'assigned ')).toHaveLength(2)
  })

  test('that are cooperative are given a partition only after it was given up', async () => {
    const service = await serviceWith(4)
    for (const partition of [0, 1, 2, 3]) await service.append('t', partition, ['slow'])
    const slow = Promise.withResolvers<void>()
    const options: ConsumerOptions = { assignors: ['cooperative-sticky'], partitionsConsumedConcurrently: 4 }
    const one = await member(service, { ...options, handle: () => slow.promise })
    await service.until(() => one.records.length === 4)
    const two = await member(service, options)
    await service.until(() => two.told.includes('assigned '))
    await service.pass(3000)
    expect(assigned(two)).toBe('')
    slow.resolve()
    await service.until(() => two.consumer.assignment().length === 2)
    expect(seenBy([one, two])).toEqual(['slow', 'slow', 'slow', 'slow'])
  })

  test.each([
    { name: 'is behind', late: 1 },
    { name: 'waits for its leader', late: 0 },
  ])('that are cooperative can commit what they keep while one $name', async ({ late }) => {
    const service = await serviceWith(4)
    const options: ConsumerOptions = { assignors: ['cooperative-sticky'] }
    const [one, two] = [await member(service, options), await member(service, options)]
    await service.until(() => [one, two].every((each) => each.consumer.assignment().length === 2))
    await service.pass(5000)
    let isBehind = false
    const slow = [one, two][late] ?? one
    slow.before = async (api) => {
      if (api !== 'sync-group' || isBehind) return
      isBehind = true
      await service.pass(3000)
    }
    const had = two.consumer.assignment()
    await member(service, options)
    await service.until(() => isBehind)
    await service.pass(1000)
    const refused = new Set<string>()
    const commits = had.map((partition) =>
      two.consumer.commit([{ ...partition, offset: 0n }]).catch(() => refused.add(name(partition))),
    )
    await Promise.all(commits)
    const kept = two.consumer.assignment().map(name)
    expect(kept.length).toBeGreaterThan(0)
    expect(kept.filter((partition) => refused.has(partition))).toEqual([])
    expect(Object.keys(await committed(service))).toEqual(expect.arrayContaining(kept))
    await service.pass(10_000)
    expect(two.told.filter((line) => line.startsWith('lost'))).toEqual([])
  })

  test('that are eager give everything up before they join again', async () => {
    const service = await serviceWith(2)
    const one = await member(service)
    await service.until(() => one.consumer.assignment().length === 2)
    const two = await member(service)
    await service.until(() => two.consumer.assignment().length === 1)
    await service.until(() => one.consumer.assignment().length === 1)
    expect(one.told.slice(0, 2)).toEqual(['assigned t0 t1', 'revoked t0 t1'])
  })

  test('wait for a handler before they give its partition up', async () => {
    const service = await serviceWith(2)
    await service.append('t', 0, ['slow'])
    const slow = Promise.withResolvers<void>()
    const one = await member(service, { handle: () => slow.promise })
    await service.until(() => one.records.length === 1)
    const two = await member(service)
    await service.pass(3000)
    expect(two.consumer.assignment()).toEqual([])
    slow.resolve()
    await service.until(() => two.consumer.assignment().length === 1)
    await service.pass(3000)
    expect(seenBy([one, two])).toEqual(['slow'])
    expect(await committed(service)).toMatchObject({ t0: 1n })
  })

  test('of two groups each see everything', async () => {
    const service = await serviceWith(2)
    const [one, two] = [await member(service), await member(service, { groupId: 'h' })]
    await service.append('t', 0, values(3))
    await service.append('t', 1, values(3, 3))
    await service.until(() => one.records.length === 6 && two.records.length === 6)
    expect(seenBy([one]).sort()).toEqual(seenBy([two]).sort())
  })
})

describe('the listener of a member', () => {
  test('may say where to begin with what was assigned', async () => {
    const service = await serviceWith(1)
    const options = {
      groupId: 'g',
      ...FAST,
      assignors: ['cooperative-sticky'] as const,
      metadataMaxAgeMs: 5000,
    }
    const consumer = service.client().consumer(options)
    const seen: string[] = []
    await consumer.subscribe({
      topics: ['t'],
      onPartitionsAssigned: async (partitions) => {
        await service.pass(10_000) // what it had before is read meanwhile
        for (const partition of partitions) consumer.seek({ ...partition, offset: 2n })
      },
    })
    await consumer.run({ eachRecord: ({ record }) => void seen.push(text(record.value)) })
    await service.until(() => consumer.assignment().length === 1)
    await service.pass(15_000)
    await service.client().transport.call('create-partitions', { topics: [{ name: 't', count: 2 }] })
    await service.append('t', 1, values(3))
    await service.until(() => seen.length > 0)
    await service.pass(2000)
    expect(seen).toEqual(['v2'])
  })

  test('is told once of what is given up, although the consumer is closed meanwhile', async () => {
    const service = await serviceWith(1)
    const consumer = service.client().consumer({ groupId: 'g', ...FAST })
    const told: string[] = []
    const late = Promise.withResolvers<void>()
    await consumer.subscribe({
      topics: ['t'],
      onPartitionsRevoked: async (partitions) => {
        told.push(names(partitions))
        await late.promise
      },
    })
    await consumer.run({ eachRecord: () => {} })
    await service.until(() => consumer.assignment().length === 1)
    await member(service)
    await service.until(() => told.length === 1)
    const closed = consumer.close()
    await service.pass(1000)
    late.resolve()
    await closed
    expect(told).toEqual(['t0'])
  })
})

describe('commits', () => {
  test('are not made as if by nobody once the member has left: an empty group would take them', async () => {
    const service = await serviceWith(1)
    await service.append('t', 0, values(1))
    const slow = Promise.withResolvers<void>()
    const one = await member(service, { handle: () => slow.promise, maxPollIntervalMs: 5000 })
    await service.until(() => calls(service, 'leave-group').length === 1)
    const late = one.consumer.commit([{ topic: 't', partition: 0, offset: 1n }])
    await expect(late).rejects.toMatchObject({ errorName: 'ILLEGAL_GENERATION' })
    expect(calls(service, 'offset-commit')).toEqual([])
    slow.resolve()
  })

  test('of a topic that is another one by now begin anew', async () => {
    const service = await serviceWith(1)
    await service.append('t', 0, values(3))
    const one = await member(service, { metadataMaxAgeMs: 10_000 })
    await service.until(() => one.records.length === 3)
    await service.pass(2000)
    await service.client().transport.call('delete-topics', { topics: [{ name: 't' }] })
    await service.createTopic('t', 1)
    await service.append('t', 0, values(3, 3))
    await service.until(() => one.records.length === 6)
    await service.pass(3000)
    expect(await committed(service)).toEqual({ t0: 3n })
    expect(one.warnings).toEqual([])
  })

  test('of a topic that is deleted hold up no others, nor the rebalance that it makes', async () => {
    const service = await serviceWith(1)
    await service.createTopic('u', 1)
    for (const topic of ['t', 'u']) await service.append(topic, 0, ['first'])
    const one = await member(service, {}, ['t', 'u'])
    await service.until(() => one.records.length === 2)
    await service.client().transport.call('delete-topics', { topics: [{ name: 'u' }] })
    await service.pass(1000)
    await service.append('t', 0, ['second'])
    await service.pass(4000)
    expect(await committed(service)).toEqual({ t0: 2n })
    expect(assigned(one)).toBe('t0')
    expect(one.warnings.map(({ errorName }) => errorName)).toContain('UNKNOWN_TOPIC_ID')
  })

  test('of a topic are never made for the next one of its name', async () => {
    const service = await serviceWith(1)
    await service.append('t', 0, values(3))
    let isSecond = false
    const handle = async () => {
      while (isSecond) await service.pass(1000)
    }
    const one = await member(service, { handle })
    await service.until(() => one.records.length === 3)
    isSecond = true
    const { transport } = service.client()
    await transport.call('delete-topics', { topics: [{ name: 't' }] })
    await service.pass(3000)
    await service.createTopic('t', 1)
    await service.append('t', 0, values(5, 3))
    await service.until(() => one.records.length === 4)
    await service.pass(5000)
    expect(await committed(service)).toEqual({})
    isSecond = false
    await service.until(() => one.records.length === 8)
    await service.pass(3000)
    expect(await committed(service)).toEqual({ t0: 5n })
  })

  test('are made one after the other: a late one does not undo a newer one', async () => {
    const service = await serviceWith(1)
    let isFirst = true
    const cut = async (api: string) => {
      if (api === 'offset-commit' && isFirst) {
        isFirst = false
        await service.pass(2000)
      }
      return false
    }
    const consumer = service.client({ cut }).consumer({ groupId: 'g' })
    await consumer.assign([{ topic: 't', partition: 0 }])
    const commit = (offset: bigint) => consumer.commit([{ topic: 't', partition: 0, offset }])
    await Promise.all([commit(1n), commit(2n)])
    expect(await committed(service)).toEqual({ t0: 2n })
  })
})

describe('a member that is not heard of', () => {
  test('loses its partitions to another, and what it commits afterwards is refused and changes nothing', async () => {
    const service = await serviceWith(1)
    await service.append('t', 0, values(3))
    const one = await member(service)
    await service.until(() => one.records.length === 3)
    await service.pass(2000)
    one.cutOff = true
    const two = await member(service)
    await service.append('t', 0, ['v3'])
    await service.until(() => two.records.length === 1)
    await service.pass(2000)
    expect(await committed(service)).toEqual({ t0: 4n })
    one.cutOff = false
    const late = one.consumer.commit([{ topic: 't', partition: 0, offset: 1n }])
    await expect(late).rejects.toMatchObject({
      errorName: expect.stringMatching(/UNKNOWN_MEMBER_ID|ILLEGAL_GENERATION/),
    })
    expect(await committed(service)).toEqual({ t0: 4n })
    await service.until(() => one.told.includes('lost t0'))
    await service.until(() => one.consumer.assignment().length + two.consumer.assignment().length === 1)
    expect(seenBy([one, two]).sort()).toEqual(values(4).sort())
  })

  test('that is told it is in another generation loses what it had, and joins again', async () => {
    const service = await serviceWith(1)
    const one = await member(service)
    await service.until(() => assigned(one) === 't0')
    const before = one.consumer.groupMetadata()?.generationId ?? 0
    // Somebody joins in its name, and is given the next generation.
    const join = calls(service, 'join-group').at(-1)?.body
    const { transport } = service.client()
    await transport.call('join-group', { ...join, protocols: [{ name: 'range', metadata: '' }] } as never)
    await service.until(() => one.told.includes('lost t0'))
    await service.until(() => assigned(one) === 't0')
    expect(one.consumer.groupMetadata()?.generationId).toBeGreaterThan(before)
    expect(one.warnings[0]?.errorName).toBe('ILLEGAL_GENERATION')
  })

  test('does not mind what a heartbeat of an older generation is answered', async () => {
    const service = await serviceWith(1)
    await service.createTopic('u', 1)
    const one = await member(service)
    await service.until(() => assigned(one) === 't0')
    let isLate = false
    one.before = async (api) => {
      if (api !== 'heartbeat' || isLate) return
      isLate = true
      await service.pass(3000)
    }
    await service.until(() => isLate)
    await one.consumer.subscribe({ topics: ['t', 'u'] })
    await service.until(() => assigned(one) === 't0 u0')
    const { generationId } = one.consumer.groupMetadata() ?? {}
    await service.pass(10_000)
    expect(one.consumer.groupMetadata()?.generationId).toBe(generationId)
    expect(one.warnings).toEqual([])
  })

  test('drops commits of what is not its own any more', async () => {
    const service = await serviceWith(1)
    const [one, two] = [await member(service), await member(service)]
    await service.until(() => assigned(one) + assigned(two) === 't0')
    await service.pass(3000)
    const idle = assigned(one) === '' ? one : two
    await expect(idle.consumer.commit([{ topic: 't', partition: 0, offset: 0n }])).rejects.toMatchObject({
      errorName: 'ILLEGAL_GENERATION',
    })
    expect(calls(service, 'offset-commit')).toEqual([])
  })
})

describe('a handler that takes longer than maxPollIntervalMs', () => {
  test('makes its member leave; another goes on, and the member comes back once it is done', async () => {
    const service = await serviceWith(1)
    await service.append('t', 0, values(2))
    const slow = Promise.withResolvers<void>()
    let isSlow = true
    let isTold = false
    const handle: Handle = (_, signal) => {
      signal.addEventListener('abort', () => {
        isTold = true
      })
      return isSlow ? slow.promise : undefined
    }
    const one = await member(service, { handle, maxPollIntervalMs: 5000 })
    await service.until(() => one.records.length === 1)
    isSlow = false
    const two = await member(service)
    await service.until(() => two.records.length === 2)
    expect(isTold).toBe(true)
    expect(calls(service, 'leave-group')).toHaveLength(1)
    expect(one.told).toEqual(['assigned t0'])
    slow.resolve()
    await service.until(() => one.told.includes('lost t0'))
    expect(one.warnings.map(({ message }) => message)).toContainEqual(expect.stringMatching(/takes too long/))
    await service.pass(5000)
    expect(await committed(service)).toEqual({ t0: 2n })
    expect(assigned(one) + assigned(two)).toBe('t0')
    expect(seenBy([one])).toEqual(['v0'])
  })
})

describe('a static member', () => {
  test('keeps its partitions over a restart: nobody else is told anything', async () => {
    const service = await serviceWith(2)
    const one = await member(service, { groupInstanceId: 'a' })
    const two = await member(service, { groupInstanceId: 'b' })
    await service.until(() => [one, two].every((each) => each.consumer.assignment().length === 1))
    await service.pass(3000)
    const [before, told] = [assigned(one), [...two.told]]
    await one.consumer.close()
    const again = await member(service, { groupInstanceId: 'a' })
    await service.until(() => again.consumer.assignment().length === 1)
    await service.pass(4000)
    expect(assigned(again)).toBe(before)
    expect(two.told).toEqual(told)
    expect(calls(service, 'leave-group')).toEqual([])
  })

  test('ends when another one of its name takes its place', async () => {
    const service = await serviceWith(1)
    const one = await member(service, { groupInstanceId: 'a' })
    await service.until(() => assigned(one) === 't0')
    let ended: unknown
    one.consumer.stopped.catch((error) => {
      ended = error
    })
    const two = await member(service, { groupInstanceId: 'a' })
    await service.until(() => ended !== undefined && assigned(two) === 't0')
    expect(ended).toMatchObject({ errorName: 'FENCED_INSTANCE_ID' })
  })
})

describe('a loop over records of a group', () => {
  test('commits what it was given when it is told to', async () => {
    const service = await serviceWith(1)
    await service.append('t', 0, values(5))
    const consumer = service.client().consumer({ groupId: 'g', ...FAST })
    await consumer.subscribe({ topics: ['t'] })
    const seen: string[] = []
    for await (const record of consumer) {
      seen.push(text(record.value))
      if (seen.length === 2) await consumer.commit()
      if (seen.length === 4) break
    }
    expect(await committed(service)).toEqual({ t0: 2n })
    expect(seen).toEqual(values(4))
  })

  test('ends when what it processed is committed, if that is automatic', async () => {
    const service = await serviceWith(1)
    await service.append('t', 0, values(5))
    const consumer = service.client().consumer({ groupId: 'g', ...FAST })
    await consumer.subscribe({ topics: ['t'] })
    const over = new AbortController()
    for await (const { offset } of consumer.records({
      autoCommit: { intervalMs: 5000 },
      signal: over.signal,
    })) {
      if (offset === 4n) over.abort()
    }
    expect(await committed(service)).toEqual({ t0: 4n })
  })
})
