import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { fakeEndpoint } from '../support/fake-endpoint.ts'

const PROGRAM = fileURLToPath(new URL('../../cli/stratolog.ts', import.meta.url))

interface Ended {
  readonly status: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

interface Running {
  readonly child: ChildProcess
  readonly output: { stdout: Buffer; stderr: string }
  readonly ended: Promise<Ended>
}

const started = new Set<ChildProcess>()

function start(args: readonly string[], endpoint = 'http://127.0.0.1:9', environment = {}): Running {
  const env = { ...process.env, STRATOLOG_ENDPOINT: endpoint, ...environment }
  const child = spawn(process.execPath, [PROGRAM, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] })
  started.add(child)
  const output = { stdout: Buffer.alloc(0), stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => {
    output.stdout = Buffer.concat([output.stdout, chunk])
  })
  child.stderr.on('data', (chunk: Buffer) => {
    output.stderr += chunk.toString()
  })
  child.stdin.on('error', () => {}) // a command that failed does not read on
  const ended = once(child, 'close').then(([status]) => {
    started.delete(child)
    return { status: status as number | null, ...output }
  })
  return { child, output, ended }
}

interface Service {
  readonly endpoint: string
  readonly running: Running
  run(args: readonly string[], input?: string | Uint8Array): Promise<Ended>
}

/** A service of its own process, once its first line says where it is. */
async function dev(...args: string[]): Promise<Service> {
  const running = start(['dev', '--port', '0', ...args])
  const first = () => running.output.stdout.toString()
  await vi.waitFor(() => expect(first()).toMatch(/\n/), { timeout: 20_000 })
  const endpoint = /listening on (http:\S+)/.exec(first())?.[1] ?? ''
  const run = (command: readonly string[], input: string | Uint8Array = '') => {
    const { child, ended } = start(command, endpoint)
    child.stdin?.end(input)
    return ended
  }
  return { endpoint, running, run }
}

let service: Service
let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stratolog-cli-'))
  service = await dev('--in-memory')
})

afterAll(async () => {
  for (const child of started) child.kill('SIGKILL')
  await rm(directory, { recursive: true, force: true })
})

const text = async (ended: Promise<Ended>): Promise<string> => {
  const { status, stdout, stderr } = await ended
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return stdout.toString()
}

async function createTopic(name: string, ...args: string[]): Promise<void> {
  expect(await text(service.run(['topic', 'create', name, ...args]))).toBe(`Created topic ${name}.\n`)
}

describe('dev', () => {
  test('says its pid and address first, and ends well when told to stop', async () => {
    const { running } = await dev('--in-memory', '--nodes', '2')
    const { pid } = running.child
    expect(running.output.stdout.toString()).toMatch(
      new RegExp(`^stratolog pid=${pid} listening on http://127\\.0\\.0\\.1:\\d+ data=memory nodes=2\n$`),
    )
    running.child.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ status: 0, stderr: '' })
  })

  test('keeps records over a restart, and its folder to itself', async () => {
    const data = join(directory, 'kept')
    const first = await dev('--data-dir', data)
    await first.run(['produce', 'kept'], 'a\n')
    const second = await start(['dev', '--port', '0', '--data-dir', data]).ended
    expect(second).toMatchObject({ status: 1, stderr: expect.stringContaining('in use') })
    first.running.child.kill('SIGTERM')
    expect((await first.running.ended).status).toBe(0)
    const again = await dev('--data-dir', data)
    expect(await text(again.run(['consume', 'kept', '-e']))).toBe('a\n')
  })

  test('names a port that is in use, and makes no folder', async () => {
    const port = new URL(service.endpoint).port
    const data = join(directory, 'unused')
    const ended = await start(['dev', '--data-dir', data, '--port', port]).ended
    expect(ended).toMatchObject({ status: 1, stderr: `error: port is in use port=${port}\n` })
    expect(existsSync(data)).toBe(false)
  })

  test('goes on with as many nodes as its folder has', async () => {
    const data = join(directory, 'five')
    const first = await dev('--data-dir', data, '--nodes', '5')
    first.running.child.kill('SIGTERM')
    await first.running.ended
    const fewer = await start(['dev', '--port', '0', '--data-dir', data, '--nodes', '2']).ended
    expect(fewer).toMatchObject({ status: 1, stderr: expect.stringContaining('start with --nodes 5') })
    const again = await dev('--data-dir', data)
    expect(again.running.output.stdout.toString()).toMatch(/ nodes=5\n$/)
  })
})

describe('topics', () => {
  test('are created, listed, described and deleted', async () => {
    await createTopic('life', '--partitions', '2', '--replication-factor', '3', '-c', 'retention.ms=5000')
    expect(await text(service.run(['topic', 'list']))).toMatch(/^life +2 +3$/m)
    const lines = (await text(service.run(['topic', 'describe', 'life']))).split('\n')
    expect(lines[0]).toMatch(
      /^Topic: life\tTopicId: \S{22}\tPartitionCount: 2\tReplicationFactor: 3\tConfigs: retention.ms=5000$/,
    )
    expect(lines[2]).toMatch(/^\tTopic: life\tPartition: 1\tLeader: \d\tLeaderEpoch: 0\tReplicas: \d,\d,\d\t/)
    const native = JSON.parse(await text(service.run(['topic', 'describe', 'life', '--output', 'json'])))
    expect(native).toMatchObject({ topics: [{ name: 'life', partitions: [{ logEndOffset: 0 }, {}] }] })
    expect(native.topics[0].configs).toContainEqual({
      name: 'retention.ms',
      value: '5000',
      configSource: 1,
      readOnly: false,
      isSensitive: false,
    })
    await text(service.run(['topic', 'delete', 'life']))
    expect(await service.run(['topic', 'describe', 'life'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('UNKNOWN_TOPIC_OR_PARTITION'),
    })
  })

  test('have their configs altered, and get more partitions', async () => {
    await createTopic('altered', '-c', 'retention.ms=5000', '-c', 'segment.ms=7')
    const alter = (...args: string[]) => service.run(['topic', 'alter-config', 'altered', ...args])
    const changes = ['-c', 'retention.ms=9', '-c', 'min.insync.replicas=1', '--delete', 'segment.ms']
    expect(await text(alter(...changes))).toBe('Altered topic altered.\n')
    expect(await text(service.run(['topic', 'add-partitions', 'altered', '--partitions', '3']))).toBe(
      'Topic altered has 3 partitions.\n',
    )
    expect(await text(service.run(['topic', 'describe', 'altered']))).toMatch(
      /\tPartitionCount: 3\t.*\tConfigs: min.insync.replicas=1,retention.ms=9\n/,
    )
    expect(await text(service.run(['produce', 'altered', '-p', '2'], 'a\n'))).toBe('2 0\n')
    expect(await alter('-c', 'retention=9')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('INVALID_CONFIG'),
    })
    expect(await alter()).toMatchObject({ status: 2, stderr: expect.stringContaining('nothing to alter') })
    expect((await alter('-c', 'retention.ms')).status).toBe(2)
    expect(await service.run(['topic', 'add-partitions', 'altered', '--partitions', '3'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('INVALID_PARTITIONS'),
    })
    expect((await service.run(['topic', 'add-partitions', 'altered'])).status).toBe(2)
  })

  test('are described several at a time, or only those partitions that are in no good state', async () => {
    const own = await dev('--in-memory')
    await text(own.run(['topic', 'create', 'alone', '--partitions', '3', '--replication-factor', '1']))
    await text(own.run(['topic', 'create', 'copied']))
    const described = await text(own.run(['topic', 'describe', 'copied', 'alone']))
    expect(described.match(/^Topic: \S+/gm)).toEqual(['Topic: copied', 'Topic: alone'])
    const only = (...args: string[]) => text(own.run(['topic', 'describe', ...args]))
    expect(await only('--under-replicated')).toBe('')
    expect(await only('--unavailable')).toBe('')
    await text(own.run(['node', 'fail', '1']))
    await own.run(['produce', 'copied'], 'a\n')
    const until = (read: () => Promise<void>) => vi.waitFor(read, { timeout: 20_000 })
    await until(async () =>
      expect(await only('--under-replicated')).toMatch(
        /^\tTopic: copied\tPartition: 0\tLeader: ([02])\t.*\tIsr: ([02]),(?!\2)[02]\t.*\n$/,
      ),
    )
    expect(await only('--under-replicated', 'alone')).toBe('')
    // The only replica of one of three partitions is on the node that fails.
    await until(async () =>
      expect(await only('--unavailable')).toMatch(
        /^\tTopic: alone\tPartition: \d\tLeader: none\t.*\tReplicas: 1\tIsr: 1\t.*\n$/,
      ),
    )
    const native = JSON.parse(await only('--unavailable', '--output', 'json'))
    expect(native.topics).toMatchObject([{ name: 'alone', partitions: [{ leaderId: -1 }] }])
  })

  test('have their first replicas elected again once these are back', async () => {
    const own = await dev('--in-memory')
    await text(own.run(['topic', 'create', 'led', '--partitions', '3']))
    const elect = async () => text(own.run(['topic', 'elect-leaders', 'led']))
    const underReplicated = () => text(own.run(['topic', 'describe', '--under-replicated']))
    const until = (read: () => Promise<void>) => vi.waitFor(read, { timeout: 30_000 })
    expect((await elect()).match(/ELECTION_NOT_NEEDED$/gm)).toHaveLength(3)
    await text(own.run(['node', 'fail', '1']))
    await own.run(['produce', 'led'], 'a\n')
    await until(async () => expect((await underReplicated()).split('\n')).toHaveLength(4))
    expect(await own.run(['topic', 'elect-leaders', 'led'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('PREFERRED_LEADER_NOT_AVAILABLE'),
    })
    await text(own.run(['node', 'restore', '1']))
    await until(async () => expect(await underReplicated()).toBe(''))
    expect(await elect()).toMatch(/^\d +1 +\d+ +ELECTED$/m)
    expect((await elect()).match(/ELECTION_NOT_NEEDED$/gm)).toHaveLength(3)
    expect(await own.run(['topic', 'elect-leaders', 'unheard'])).toMatchObject({ status: 1 })
  })

  test('are not created twice', async () => {
    await createTopic('twice')
    expect(await service.run(['topic', 'create', 'twice'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('TOPIC_ALREADY_EXISTS'),
    })
  })
})

test('the cluster shows its nodes', async () => {
  const native = JSON.parse(await text(service.run(['cluster', 'describe', '--output', 'json'])))
  expect(native.nodes).toHaveLength(3)
  expect(await text(service.run(['cluster', 'describe']))).toMatch(/^ClusterId: /)
  expect((await text(service.run(['node', 'list']))).split('\n')).toHaveLength(5)
})

describe('a storage node', () => {
  test('fails, hangs, is wiped and restored when it is told to', async () => {
    const own = await dev('--data-dir', join(directory, 'faulty'))
    expect(await text(own.run(['node', 'fail', '1']))).toBe('Node 1 fails now.\n')
    expect(await text(own.run(['node', 'hang', '1']))).toBe('Node 1 hangs now.\n')
    const wiped = JSON.parse(await text(own.run(['node', 'wipe', '1', '--output', 'json'])))
    expect(wiped).toEqual({ nodeId: 1, fault: 'hang' })
    expect(await text(own.run(['node', 'restore', '1']))).toBe('Restored node 1.\n')
    expect(await own.run(['node', 'fail', '3'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('unknown storage node, ids are 0 to 2 node=3'),
    })
    expect((await own.run(['node', 'fail', 'one'])).status).toBe(2)
    expect((await own.run(['node', 'fail'])).status).toBe(2)
  })

  test('of a service that is no dev is left alone', async () => {
    const answers =
      '{"message":"unknown path","kafka_error":"INVALID_REQUEST","retriable":false,"effect":"none"}'
    const deployed = await fakeEndpoint(() => ({ status: 404, body: answers }))
    const ended = await start(['node', 'wipe', '1'], deployed.url).ended
    expect(ended).toMatchObject({ status: 1, stderr: 'error: only `stratolog dev` can do that\n' })
    expect(deployed.requests.map(({ method, url }) => `${method} ${url}`)).toEqual(['POST /dev/nodes/1:wipe'])
  })
})

describe('produce', () => {
  test('writes every line with its bytes and prints where it is', async () => {
    await createTopic('bytes')
    const input = Buffer.concat([Buffer.from('a\r\n\n'), Buffer.of(0xff, 0, 0x0a), Buffer.from('no newline')])
    expect(await text(service.run(['produce', 'bytes'], input))).toBe('0 0\n0 1\n0 2\n0 3\n')
    const { stdout } = await service.run(['consume', 'bytes', '-e'])
    expect(stdout).toEqual(Buffer.concat([input, Buffer.from('\n')]))
  })

  test('of an empty input writes nothing and creates nothing', async () => {
    expect(await text(service.run(['produce', 'nothing']))).toBe('')
    expect((await service.run(['topic', 'describe', 'nothing'])).status).toBe(1)
  })

  test('creates the topic, but only by its first partition', async () => {
    expect(await text(service.run(['produce', 'created', '--acks', '-1'], 'a\n'))).toBe('0 0\n')
    expect((await service.run(['produce', 'not-created', '-p', '1'], 'a\n')).status).toBe(1)
    expect((await service.run(['topic', 'describe', 'not-created'])).status).toBe(1)
  })

  test('routes by key as Java does, and prints in the order of the lines', async () => {
    await createTopic('keyed', '--partitions', '3')
    const args = ['produce', 'keyed', '-K', ':', '-H', 'h=1', '-z', 'zstd']
    const printed = await text(service.run(args, 'k1:v1\nk2:v2:x\nk1:v3\n'))
    expect(printed).toBe('2 0\n0 0\n2 1\n')
    const format = '%p %o %k %v %h %S\\n'
    expect(await text(service.run(['consume', 'keyed', '-e', '-p', '2', '-f', format]))).toBe(
      '2 0 k1 v1 h=1 2\n2 1 k1 v3 h=1 2\n',
    )
  })

  test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])('compressed with %s reads back', async (type) => {
    const lines = Array.from({ length: 5000 }, (_, index) => `line ${index}\n`).join('')
    await text(service.run(['produce', `z-${type}`, '-q', '-z', type, '--batch-size', '2000'], lines))
    expect(await text(service.run(['consume', `z-${type}`, '-e']))).toBe(lines)
  })

  test('sends what is there while the input is open', async () => {
    const { child, output, ended } = start(['produce', 'open'], service.endpoint)
    child.stdin?.write('first\n')
    await expect.poll(() => output.stdout.toString(), { timeout: 20_000 }).toBe('0 0\n')
    child.kill('SIGINT')
    expect((await ended).status).toBe(130)
  })

  test('stops at a line that is refused and names what was not written', async () => {
    const input = `a\n${'x'.repeat(2_000_000)}\nb\n`
    const ended = await service.run(['produce', 'refusing'], input)
    expect(ended).toMatchObject({ status: 1, stdout: Buffer.from('0 0\n') })
    expect(ended.stderr).toMatch(/MESSAGE_TOO_LARGE\nrefused lines=2\nnot sent lines=3\n$/)
  })

  test('says that it waits for a leader, goes on with one, and names the lines when interrupted', async () => {
    const own = await dev('--in-memory')
    await text(own.run(['topic', 'create', 'led', '--replication-factor', '1']))
    const leader = /Leader: (\d)/.exec(await text(own.run(['topic', 'describe', 'led'])))?.[1] ?? ''
    await text(own.run(['node', 'fail', leader]))
    const { child, output, ended } = start(['produce', 'led'], own.endpoint)
    child.stdin?.write('a\nb\n')
    const said = (text: string) =>
      expect.poll(() => output.stderr, { timeout: 30_000 }).toMatch(new RegExp(`^${text}$`))
    const waiting = 'warning: .* partition=led-0 error=[A-Z_]+; trying on\n' // or its replica could not be written
    await said(waiting)
    await text(own.run(['node', 'restore', leader]))
    await said(`${waiting}warning: all partitions can be written again\n`)
    await expect.poll(() => output.stdout.toString(), { timeout: 30_000 }).toBe('0 0\n0 1\n')
    await text(own.run(['node', 'fail', leader]))
    child.stdin?.write('c\n')
    await said(`${waiting}warning: all partitions can be written again\n${waiting}`)
    child.kill('SIGINT')
    expect(await ended).toMatchObject({
      status: 130,
      stderr: expect.stringMatching(/\ninterrupted\nrefused lines=3\nnot sent lines=4-\n$/),
    })
  })

  test('tells after a crash of the service which lines are unknown', async () => {
    const doomed = await dev('--in-memory')
    await doomed.run(['topic', 'create', 'crash'])
    const { child, output, ended } = start(['produce', 'crash'], doomed.endpoint)
    const flood = Buffer.from('line\n'.repeat(2000))
    const feed = setInterval(() => child.stdin?.write(flood), 1)
    await expect.poll(() => output.stdout.length, { timeout: 20_000, interval: 5 }).toBeGreaterThan(10_000)
    doomed.running.child.kill('SIGKILL')
    await doomed.running.ended
    const killed = setTimeout(() => child.kill('SIGINT'), 3000) // the death may fall between two requests
    const { status, stdout, stderr } = await ended
    clearInterval(feed)
    clearTimeout(killed)
    const acknowledged = stdout.toString().trimEnd().split('\n').length
    expect([1, 130]).toContain(status)
    expect(stderr).toMatch(new RegExp(`lines=${acknowledged + 1}-`))
  })
})

describe('consume', () => {
  beforeAll(async () => {
    await createTopic('read', '--partitions', '2')
    await text(service.run(['produce', 'read', '-p', '0', '-k', 'key'], 'a\nb\nc\n'))
    await text(service.run(['produce', 'read', '-p', '1'], 'd\ne\n'))
  })

  test.each([
    { args: ['-o', 'start'], expected: 'abcde' },
    { args: ['-o', 'end'], expected: '' },
    { args: ['-o', 'earliest'], expected: 'abcde' },
    { args: ['-o', 'latest'], expected: '' },
    { args: ['-o', '1'], expected: 'bce' },
    { args: ['-o', '-1'], expected: 'ce' },
    { args: ['-o', '-99'], expected: 'abcde' },
    { args: ['-o', '@0'], expected: 'abcde' },
    { args: ['-o', '@9999999999999'], expected: '' },
    { args: ['-p', '1'], expected: 'de' },
    { args: ['-p', '0', '-n', '2'], expected: 'ab' },
    { args: ['-n', '0'], expected: '' },
    { args: ['--isolation', 'read_committed'], expected: 'abcde' },
  ])('$args reads $expected', async ({ args, expected }) => {
    const printed = await text(service.run(['consume', 'read', '-e', '-f', '%v', ...args]))
    expect([...printed].sort().join('')).toBe(expected)
  })

  test('prints JSON lines', async () => {
    const [line] = (await text(service.run(['consume', 'read', '-p', '0', '-n', '1', '-J']))).split('\n')
    expect(JSON.parse(line ?? '')).toEqual({
      topic: 'read',
      partition: 0,
      offset: 0,
      timestamp: expect.any(Number),
      key: 'key',
      value: 'a',
      headers: [],
    })
  })

  test('waits for records that are still to come, until it has enough', async () => {
    await createTopic('live')
    const { output, ended, child } = start(['consume', 'live', '-n', '2'], service.endpoint)
    child.stdin?.end()
    await text(service.run(['produce', 'live'], 'one\n'))
    await expect.poll(() => output.stdout.toString(), { timeout: 20_000 }).toBe('one\n')
    await text(service.run(['produce', 'live'], 'two\n'))
    expect(await ended).toMatchObject({ status: 0, stdout: Buffer.from('one\ntwo\n') })
  })

  test('ends with 130 when interrupted', async () => {
    const { child, output, ended } = start(['consume', 'read'], service.endpoint)
    await expect.poll(() => output.stdout.length, { timeout: 20_000 }).toBeGreaterThan(0)
    child.kill('SIGINT')
    expect(await ended).toMatchObject({ status: 130, stderr: '' })
  })

  test('ends quietly when nobody reads on', async () => {
    await text(service.run(['produce', 'pipe', '-q'], 'a line\n'.repeat(100_000)))
    const { child, ended } = start(['consume', 'pipe'], service.endpoint)
    if (child.stdout !== null) await once(child.stdout, 'data')
    child.stdout?.destroy()
    expect(await ended).toMatchObject({ status: 0, stderr: '' })
  })

  test('names an offset that is not in the log', async () => {
    const { status, stderr } = await service.run(['consume', 'read', '-p', '0', '-o', '77'])
    expect(status).toBe(1)
    expect(stderr).toMatch(/partition=read-0 offset=77 .*OFFSET_OUT_OF_RANGE/)
  })

  test('refuses an offset beyond the end with -e, too', async () => {
    const beyond = await service.run(['consume', 'read', '-o', '99999', '-e'])
    expect(beyond).toMatchObject({ status: 1, stdout: Buffer.alloc(0) })
    expect(beyond.stderr).toMatch(/partition=read-0 offset=99999 .*OFFSET_OUT_OF_RANGE/)
    expect(await text(service.run(['consume', 'read', '-p', '0', '-o', '3', '-e']))).toBe('')
  })

  test.each([
    { as: 'alone', args: [] },
    { as: 'in a group', args: ['-g', 'outage'] },
  ])('$as outlives its service, and says so once', async ({ as, args }) => {
    const data = join(directory, `outage ${as}`)
    const first = await dev('--data-dir', data)
    const { port } = new URL(first.endpoint)
    await text(first.run(['produce', 'outage'], 'before\n'))
    const { child, output, ended } = start(['consume', 'outage', '-n', '2', ...args], first.endpoint)
    await expect.poll(() => output.stdout.toString(), { timeout: 20_000 }).toBe('before\n')
    first.running.child.kill('SIGKILL')
    await expect.poll(() => output.stderr, { timeout: 20_000 }).toMatch(/^warning: cannot reach .*\n$/)
    const again = await dev('--data-dir', data, '--port', port)
    await text(again.run(['produce', 'outage'], 'after\n'))
    child.stdin?.end()
    expect(await ended).toMatchObject({ status: 0, stdout: Buffer.from('before\nafter\n') })
    expect(output.stderr.split('\n')[1]).toBe('warning: the service answers again')
  })

  test('ends when its topic is deleted', async () => {
    await createTopic('deleted')
    const { child, output, ended } = start(['consume', 'deleted'], service.endpoint)
    child.stdin?.end()
    await text(service.run(['produce', 'deleted'], 'a\n'))
    await expect.poll(() => output.stdout.toString(), { timeout: 20_000 }).toBe('a\n')
    await text(service.run(['topic', 'delete', 'deleted']))
    expect(await ended).toMatchObject({ status: 1, stderr: expect.stringContaining('topic was deleted') })
  })
})

describe('group', () => {
  const groupIds = async (...args: string[]) => {
    const { groups } = JSON.parse(await text(service.run(['group', 'list', ...args, '--output', 'json'])))
    return (groups as { groupId: string }[]).map(({ groupId }) => groupId)
  }

  beforeAll(async () => {
    await text(service.run(['topic', 'create', 'sought', '--partitions', '3']))
    await text(service.run(['produce', 'sought', '-p', '1', '-q'], 'a\nb\nc\n'))
  })

  test('seek makes a group, also for a topic that is named twice; describe says how far behind it is', async () => {
    const seek = ['group', 'seek', 'behind', '--topic', 'sought', '--topic', 'sought', '--to', '1', '-p', '1']
    expect(await text(service.run(seek))).toMatch(/behind +sought +1 +1\n$/)
    const described = await text(service.run(['group', 'describe', 'behind', '--output', 'json']))
    expect(JSON.parse(described).partitions).toEqual([
      { topic: 'sought', partition: 1, committedOffset: 1, logEndOffset: 3, lag: 2 },
    ])
  })

  test('seek without a topic is of the partitions that are committed, and of no others', async () => {
    const seek = ['group', 'seek', 'committed', '--to']
    await text(service.run([...seek, 'start', '--topic', 'sought', '-p', '1']))
    expect(await text(service.run([...seek, 'end']))).toMatch(/^GROUP.*\ncommitted +sought +1 +3\n$/)
    const other = await service.run([...seek, 'end', '-p', '2'])
    expect(other).toMatchObject({ status: 1, stderr: expect.stringContaining('committed nothing') })
  })

  test('list shows groups of these states, in whatever case they are written', async () => {
    await text(service.run(['group', 'seek', 'listed', '--topic', 'sought', '--to', 'end']))
    expect(await groupIds('--state', 'empty', '--state', 'Stable')).toContain('listed')
    expect(await groupIds('--state', 'stable')).toEqual([])
  })

  test('delete names the groups that it deleted, and those that it could not', async () => {
    await text(service.run(['group', 'seek', 'deleted', '--topic', 'sought', '--to', 'end']))
    const { status, stdout, stderr } = await service.run(['group', 'delete', 'nobody', 'deleted', 'none'])
    expect({ status, stdout: stdout.toString() }).toEqual({ status: 1, stdout: 'Deleted group deleted.\n' })
    expect(stderr).toMatch(/^error: unknown group groupId=nobody .*\nunknown group groupId=none /)
  })
})

describe('wrong usage', () => {
  test.each([
    { args: [], names: 'Usage' },
    { args: ['nonsense'], names: 'nonsense' },
    { args: ['topic'], names: 'Usage' },
    { args: ['topic', 'alter-config', 'x'], names: 'nothing to alter' },
    { args: ['topic', 'alter-config', 'x', '-c', 'a=1', '-c', 'a=2'], names: 'a stands there twice' },
    { args: ['topic', 'describe', '--under-replicated', '--unavailable'], names: '--unavailable' },
    { args: ['produce'], names: 'topic' },
    { args: ['produce', 't', '-p', '-1'], names: '--partition' },
    { args: ['produce', 't', '--acks', '2'], names: '--acks' },
    { args: ['produce', 't', '-z', 'brotli'], names: '--compression' },
    { args: ['produce', 't', '-k', 'a', '-K', ':'], names: '--key-delimiter' },
    { args: ['produce', 't', '-H', 'novalue'], names: '--header' },
    { args: ['produce', 't', '--transactional-id', 'x'], names: '--transactional-id' },
    { args: ['consume', 't', '-o', 'middle'], names: '--offset' },
    { args: ['consume', 't', '-f', '%x'], names: '--format' },
    { args: ['consume', 't', '-g', 'group', '-p', '0'], names: '--group' },
    { args: ['consume', 't', '-g', 'group', '-o', '5'], names: '-o can only be start or end' },
    { args: ['group', 'list', '--state', 'Steady'], names: 'one of Empty, PreparingRebalance' },
    { args: ['group', 'seek', 'g'], names: '--to' },
    { args: ['group', 'seek', 'g', '--to', 'back'], names: '--to' },
    { args: ['dev', '--nodes', '0'], names: '--nodes' },
    { args: ['dev', '-c', 'no.such=1'], names: 'no.such' },
    {
      args: ['dev', '--in-memory', '--nodes', '2', '-c', 'default.replication.factor=3'],
      names: 'name=default.replication.factor value=3 nodes=2',
    },
    { args: ['topic', 'list', '--endpoint', 'nowhere'], names: '--endpoint' },
    { args: ['topic', 'list', '--output', 'xml'], names: '--output' },
  ])('$args', async ({ args, names }) => {
    const { child, ended } = start(args)
    child.stdin?.end()
    expect(await ended).toMatchObject({ status: 2, stderr: expect.stringContaining(names) })
  })

  test('help is not wrong', async () => {
    expect(await text(service.run(['produce', '--help']))).toMatch('--max-in-flight')
    expect(await text(service.run(['dev', '--help']))).not.toMatch('--endpoint')
  })

  test('the version is that of the package', async () => {
    expect(await text(service.run(['--version']))).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})

test('dev says what it waits for when it starts emulators', async () => {
  const withoutPrograms = { PATH: '/nowhere' }
  const { ended } = start(['dev', '--port', '0', '--aws', 'emulators'], undefined, withoutPrograms)
  expect(await ended).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^starting emulators .*\nerror: /),
  })
})

test('a service that is not there is named', async () => {
  const ended = await start(['topic', 'list'], 'http://127.0.0.1:29999').ended
  expect(ended).toMatchObject({
    status: 1,
    stderr: 'error: cannot reach http://127.0.0.1:29999: connection refused\n',
  })
})
