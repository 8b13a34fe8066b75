import { expect, test } from 'vitest'
import { s3Client } from '../../shared/aws/clients.ts'
import { wipeBucket } from '../../shared/aws/wipe-bucket.ts'
import { type FakeAnswer, type FakeRequest, fakeEndpoint } from '../support/fake-endpoint.ts'

const DELETED: FakeAnswer = { status: 200, body: '<DeleteResult></DeleteResult>' }

test('every page is deleted, and none that is empty', async () => {
  const pages = [page(['a', 'b'], 'token-1'), page([], 'token-2'), page(['c'], undefined)]
  const { endpoint, client } = await clientOn((request) =>
    request.method === 'GET' ? (pages.shift() ?? { status: 500 }) : DELETED,
  )
  await wipeBucket(client, 'node')
  const lists = endpoint.requests.filter(({ method }) => method === 'GET')
  const tokens = lists.map(({ url }) => new URL(url, endpoint.url).searchParams.get('continuation-token'))
  expect(tokens).toEqual([null, 'token-1', 'token-2'])
  const deletes = endpoint.requests.filter(({ method }) => method === 'POST')
  expect(deletes.map(({ body }) => String(body).match(/(?<=<Key>)[^<]+/g))).toEqual([['a', 'b'], ['c']])
})

test.each<{ name: string; answer: FakeAnswer; message: string }>([
  {
    name: 'an object that is not deleted',
    answer: {
      status: 200,
      body: '<DeleteResult><Error><Key>b</Key><Code>AccessDenied</Code></Error></DeleteResult>',
    },
    message: 'objects not deleted bucket=node objects=1 key=b cause=AccessDenied',
  },
  {
    name: 'a refused call',
    answer: { status: 503, body: '<Error><Code>SlowDown</Code><Message>scripted</Message></Error>' },
    message: 'bucket not wiped bucket=node cause=SlowDown',
  },
])('$name is a storage error', async ({ answer, message }) => {
  const { client } = await clientOn((request) =>
    request.method === 'GET' ? page(['a', 'b'], undefined) : answer,
  )
  await expect(wipeBucket(client, 'node')).rejects.toMatchObject({
    errorName: 'KAFKA_STORAGE_ERROR',
    message,
  })
})

async function clientOn(answer: (request: FakeRequest) => FakeAnswer) {
  const endpoint = await fakeEndpoint(answer)
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const client = s3Client({ endpoint: endpoint.url, region: 'us-east-1', credentials, pathStyle: true })
  return { endpoint, client }
}

function page(keys: readonly string[], next: string | undefined): FakeAnswer {
  const contents = keys.map((key) => `<Contents><Key>${key}</Key></Contents>`).join('')
  const token = next === undefined ? '' : `<NextContinuationToken>${next}</NextContinuationToken>`
  return { status: 200, body: `<ListBucketResult>${contents}${token}</ListBucketResult>` }
}
