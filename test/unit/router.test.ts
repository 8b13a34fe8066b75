import { expect, test } from 'vitest'
import { newRouter } from '../../functions/router.ts'
import { ROUTES } from '../../functions/routes.ts'

const route = newRouter([...ROUTES, { method: 'POST', path: '/things/{thing}:act', api: 'act' }])

test.each([
  { name: 'a fixed path', given: ['POST', '/v1/produce'], expected: { api: 'produce', params: {} } },
  { name: 'the root', given: ['GET', '/'], expected: { api: 'restRoot', params: {} } },
  {
    name: 'a parameter',
    given: ['GET', '/topics/a'],
    expected: { api: 'restTopic', params: { topic: 'a' } },
  },
  {
    name: 'two parameters',
    given: ['POST', '/topics/a/partitions/3'],
    expected: { api: 'restProduce', params: { topic: 'a', partition: '3' } },
  },
  {
    name: 'an escaped parameter, decoded once',
    given: ['GET', '/topics/a%2Fb%2525'],
    expected: { api: 'restTopic', params: { topic: 'a/b%25' } },
  },
  {
    name: 'a parameter with a fixed end',
    given: ['POST', '/things/a:b:act'],
    expected: { api: 'act', params: { thing: 'a:b' } },
  },
  {
    name: 'a fixed end that is escaped',
    given: ['POST', '/things/a%3Aact'],
    expected: { api: 'act', params: { thing: 'a' } },
  },
  { name: 'HEAD where GET is', given: ['HEAD', '/topics'], expected: { api: 'restTopics', params: {} } },
  { name: 'a slash at the end', given: ['GET', '/topics/'], expected: { api: 'restTopics', params: {} } },
])('finds $name', ({ given: [method = '', path = ''], expected }) => {
  expect(route(method, path)).toEqual({ found: 'api', ...expected })
})

test.each([
  { name: 'another method of a fixed path', given: ['GET', '/v1/produce'], allow: ['POST'] },
  { name: 'another method of a path with both', given: ['PUT', '/topics/a'], allow: ['GET', 'HEAD', 'POST'] },
  { name: 'a method in lower case', given: ['get', '/topics'], allow: ['GET', 'HEAD'] },
])('names what is allowed for $name', ({ given: [method = '', path = ''], allow }) => {
  expect(route(method, path)).toEqual({ found: 'path', allow })
})

test.each([
  { name: 'an unknown path', path: '/nothing' },
  { name: 'an api that is not there', path: '/v1/nothing' },
  { name: 'an empty parameter', path: '/topics//partitions' },
  { name: 'another end than the fixed one', path: '/things/a:acts' },
  { name: 'a fixed end alone', path: '/things/:act' },
  { name: 'a bad escape', path: '/topics/%zz' },
  { name: 'bytes that are not UTF-8', path: '/topics/%ff' },
  { name: 'one segment too many', path: '/topics/a/partitions/0/records/x' },
  { name: 'a double slash', path: '//topics' },
  { name: 'no path', path: '' },
])('finds nothing for $name', ({ path }) => {
  expect(route('GET', path)).toEqual({ found: 'nothing' })
})
