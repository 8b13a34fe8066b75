import { expect, test } from 'vitest'
import { parseNodes } from '../../functions/parse-nodes.ts'

test('storage nodes stand in the order of their ids, also two in one zone', () => {
  expect(parseNodes('use1-az4=bucket-a, use1-az5=bucket-b,use1-az4 = bucket-c')).toEqual([
    { zone: 'use1-az4', bucket: 'bucket-a' },
    { zone: 'use1-az5', bucket: 'bucket-b' },
    { zone: 'use1-az4', bucket: 'bucket-c' },
  ])
})

test.each([
  { name: 'nothing', text: '', message: 'storage node is not zone=bucket variable=STRATOLOG_NODES entry=' },
  { name: 'an entry without a bucket', text: 'a=x, b', message: 'STRATOLOG_NODES entry=b' },
  { name: 'an entry with an empty bucket', text: 'a=x,b=', message: 'STRATOLOG_NODES entry=b=' },
  { name: 'an entry with an empty zone', text: '=x,b=y', message: 'STRATOLOG_NODES entry==x' },
  { name: 'an empty entry', text: 'a=x,,b=y', message: 'STRATOLOG_NODES entry=' },
  {
    name: 'a bucket named twice',
    text: 'a=x,b=y,c=x',
    message: 'bucket is that of another storage node variable=STRATOLOG_NODES entry=c=x',
  },
])('$name is refused', ({ text, message }) => {
  expect(() => parseNodes(text)).toThrow(
    expect.objectContaining({ errorName: 'INVALID_CONFIG', message: expect.stringContaining(message) }),
  )
})
