import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Emulators, startEmulators } from '../../local/emulators.ts'
import { walObjectsOf } from '../support/bucket-objects.ts'
import { type DevProcess, startDev } from '../support/dev-process.ts'
import { batchOf } from '../support/log-requests.ts'
import { createTopic, produceBody, produceOnce, readLog } from '../support/raw-client.ts'
import { canRun } from '../support/requires.ts'

if (canRun('the service over the AWS adapters', ['java', 'python3'])) {
  let emulators: Emulators
  let service: DevProcess
  const start = async () => {
    service = await startDev({ dataDirectory: { environment: emulators.environment } })
  }
  const produce = (topic: string, value: string) =>
    produceOnce(service.endpoint, produceBody(topic, batchOf(2, { value })))
  const call = async (api: string, body: unknown) => {
    const answer = await fetch(`${service.endpoint}/v1/${api}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return (await answer.json()) as { topics: { errorCode: number; errorName?: string }[] }
  }
  const fetchAt = (topic: string, fetchOffset: number, maxWaitMs: number) =>
    call('fetch', { maxWaitMs, topics: [{ name: topic, partitions: [{ partitionIndex: 0, fetchOffset }] }] })

  beforeAll(async () => {
    emulators = await startEmulators({ nodes: 3 })
    await start()
  })
  afterAll(async () => {
    await service?.kill()
    await emulators?.stop()
  })

  describe('the service over DynamoDB Local and an S3 emulator', () => {
    test('batches produced by frame with acks=all are read back in order', async () => {
      await createTopic(service.endpoint, 'orders')
      const offsets = []
      for (const value of ['a', 'b', 'c']) offsets.push(await produce('orders', value))
      expect(offsets).toEqual([0, 2, 4].map((baseOffset) => ({ kind: 'acknowledged', baseOffset })))
      const log = await readLog(service.endpoint, 'orders')
      expect(log.map(({ baseOffset }) => baseOffset)).toEqual([0, 2, 4])
      expect(log.map(({ records }) => records.length)).toEqual([2, 2, 2])
    })

    test('enough batches for several index pages keep their order', async () => {
      await createTopic(service.endpoint, 'pages')
      const outcomes = await Promise.all(
        Array.from({ length: 40 }, (_, index) => produce('pages', `${index}`)),
      )
      expect(outcomes.filter(({ kind }) => kind !== 'acknowledged')).toEqual([])
      const log = await readLog(service.endpoint, 'pages')
      expect(log.map(({ baseOffset }) => baseOffset)).toEqual(
        Array.from({ length: 40 }, (_, index) => index * 2),
      )
    })

    test('a fetch at the end waits, and is answered by the batch that arrives', async () => {
      await createTopic(service.endpoint, 'waiting')
      const answered = fetchAt('waiting', 0, 15_000)
      expect(await produce('waiting', 'late')).toEqual({ kind: 'acknowledged', baseOffset: 0 })
      expect(JSON.stringify(await answered)).toContain('"highWatermark":2')
    })

    test('after kill -9 another process has the same cluster, and goes on', async () => {
      await createTopic(service.endpoint, 'restarted')
      await produce('restarted', 'before')
      await service.kill()
      await start()
      expect(await produce('restarted', 'after')).toEqual({ kind: 'acknowledged', baseOffset: 2 })
      expect((await readLog(service.endpoint, 'restarted')).map(({ baseOffset }) => baseOffset)).toEqual([
        0, 2,
      ])
    })

    test('a deleted topic is gone, and may be made again', async () => {
      await createTopic(service.endpoint, 'deleted')
      await produce('deleted', 'old')
      const deleted = await call('delete-topics', { topics: [{ name: 'deleted' }] })
      expect(deleted.topics).toMatchObject([{ errorCode: 0 }])
      expect(JSON.stringify(await fetchAt('deleted', 0, 0))).toContain('UNKNOWN_TOPIC_OR_PARTITION')
      await createTopic(service.endpoint, 'deleted')
      expect(await readLog(service.endpoint, 'deleted')).toEqual([])
    })

    test('a storage node of emulated buckets is wiped, and its fault outlives the process', async () => {
      await createTopic(service.endpoint, 'wiped')
      await produce('wiped', 'a')
      const act = async (action: string) => {
        const answer = await fetch(`${service.endpoint}/dev/nodes/2:${action}`, { method: 'POST' })
        return answer.json()
      }
      expect((await walObjectsOf(emulators))[2]).not.toEqual([])
      expect(await act('hang')).toEqual({ nodeId: 2, fault: 'hang' })
      await service.kill()
      await start()
      expect(await act('wipe')).toEqual({ nodeId: 2, fault: 'hang' })
      expect((await walObjectsOf(emulators))[2]).toEqual([])
      expect(await act('restore')).toEqual({ nodeId: 2, fault: null })
    })
  })
}
