import { expect, test } from 'vitest'
import { newCaches, rememberHead } from '../../shared/service/caches.ts'
import { headWith } from '../support/heads.ts'

test.each([
  { name: 'log end offset', newer: headWith({ logEndOffset: 2 }), older: headWith({ logEndOffset: 1 }) },
  {
    name: 'partition epoch',
    newer: headWith({ partitionEpoch: 1, logEndOffset: 1 }),
    older: headWith({ partitionEpoch: 0, logEndOffset: 2 }),
  },
  {
    name: 'leader epoch',
    newer: headWith({ leaderEpoch: 1, partitionEpoch: 0 }),
    older: headWith({ leaderEpoch: 0, partitionEpoch: 1 }),
  },
])(
  'an answer that was overtaken does not take the place of a head with a higher $name',
  ({ newer, older }) => {
    const caches = newCaches()
    rememberHead(caches, 'P#a#0', newer)
    rememberHead(caches, 'P#a#0', older)
    expect(caches.heads.get('P#a#0')).toBe(newer)
    const next = headWith({ ...newer, logEndOffset: newer.logEndOffset + 1 })
    rememberHead(caches, 'P#a#0', next)
    expect(caches.heads.get('P#a#0')).toBe(next)
  },
)
