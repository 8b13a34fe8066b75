import { expect, test } from 'vitest'
import { findLocalAws } from '../../local/local-aws.ts'

test.each([
  'https://dynamodb.us-east-1.amazonaws.com',
  'http://127.0.0.1.example.com:4566',
  'http://localhost.example',
  'http://10.0.0.1:4566',
  'not a url',
])('nothing is deployed to %s', async (endpoint) => {
  await expect(findLocalAws({ AWS_ENDPOINT_URL: endpoint })).rejects.toThrow('must be on this machine')
})

test.each(['http://127.0.0.1:4566', 'http://localhost:4566', 'http://localhost.localstack.cloud:4566'])(
  '%s is an AWS on this machine, and none that we end',
  async (endpoint) => {
    const environment = { AWS_ENDPOINT_URL: `${endpoint}/`, AWS_CA_BUNDLE: '/ca.pem' }
    expect(await findLocalAws(environment)).toEqual({
      endpoint,
      certificateFile: undefined,
      miniStack: undefined,
    })
  },
)
