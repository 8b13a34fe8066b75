import { expect, test } from 'vitest'
import { checkTopicName, collisionKey } from '../../shared/protocol/names.ts'

test.each(['a', 'A.b_c-9', '...', '_', 'x'.repeat(249)])('a topic may be called %s', (name) => {
  expect(() => checkTopicName(name)).not.toThrow()
})

test.each(['', '.', '..', 'a b', 'a/b', 'ä', 'a\n', 'a#b', 'x'.repeat(250)])(
  'a topic may not be called %j',
  (name) => {
    expect(() => checkTopicName(name)).toThrow(
      expect.objectContaining({ errorName: 'INVALID_TOPIC_EXCEPTION' }),
    )
  },
)

test('names that differ by dot and underscore collide, no others do', () => {
  expect(collisionKey('a.b_c')).toBe(collisionKey('a_b.c'))
  expect(collisionKey('a-b')).not.toBe(collisionKey('a_b'))
})
