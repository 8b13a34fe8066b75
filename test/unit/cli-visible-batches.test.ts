import { expect, test } from 'vitest'
import { type SplitBatch, visibleBatches } from '../../cli/visible-batches.ts'
import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { readBatchHeader } from '../../shared/protocol/batch-header.ts'
import { encodeBatch } from '../../shared/protocol/encode-batch.ts'

interface Given {
  readonly offset: number
  readonly producerId?: number
  readonly marker?: 'abort' | 'commit'
}

/** One batch of one record per entry. */
function batch({ offset, producerId, marker }: Given): SplitBatch {
  const record = { key: null, value: null, headers: [], timestamp: 0 }
  const bytes = encodeBatch({ records: [record], compression: 'none', codecs: nodeCodecs })
  const isTransactional = producerId !== undefined
  const header = {
    ...readBatchHeader(bytes, 0),
    baseOffset: offset,
    producerId: producerId ?? -1,
    isTransactional,
    isControl: marker !== undefined,
    attributes: marker === 'abort' ? 1 : 0,
  }
  return { header, bytes }
}

const isAbort = ({ header }: SplitBatch): boolean => header.attributes === 1

test.each([
  { name: 'plain batches are visible', given: [{ offset: 0 }, { offset: 1 }], aborted: [], expected: [0, 1] },
  {
    name: 'markers are not',
    given: [
      { offset: 0, producerId: 7 },
      { offset: 1, producerId: 7, marker: 'commit' },
    ],
    aborted: [],
    expected: [0],
  },
  {
    name: 'an aborted transaction is not, what the producer writes after it is',
    given: [
      { offset: 0, producerId: 7 },
      { offset: 1, producerId: 7, marker: 'abort' },
      { offset: 2, producerId: 7 },
    ],
    aborted: [{ producerId: 7, firstOffset: 0 }],
    expected: [2],
  },
  {
    name: 'others write on between',
    given: [
      { offset: 0, producerId: 7 },
      { offset: 1, producerId: 8 },
      { offset: 2 },
      { offset: 3, producerId: 7, marker: 'abort' },
    ],
    aborted: [{ producerId: 7, firstOffset: 0 }],
    expected: [1, 2],
  },
  {
    name: 'a producer aborts twice',
    given: [
      { offset: 0, producerId: 7 },
      { offset: 1, producerId: 7, marker: 'abort' },
      { offset: 2, producerId: 7 },
      { offset: 3, producerId: 7, marker: 'commit' },
      { offset: 4, producerId: 7 },
      { offset: 5, producerId: 7, marker: 'abort' },
    ],
    aborted: [
      { producerId: 7, firstOffset: 4 },
      { producerId: 7, firstOffset: 0 },
    ],
    expected: [2],
  },
] satisfies {
  name: string
  given: Given[]
  aborted: { producerId: number; firstOffset: number }[]
  expected: number[]
}[])('$name', ({ given, aborted, expected }) => {
  const visible = visibleBatches(given.map(batch), aborted, isAbort)
  expect(visible.map(({ header }) => header.baseOffset)).toEqual(expected)
})
