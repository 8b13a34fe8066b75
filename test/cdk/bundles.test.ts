import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { beforeAll, expect, test } from 'vitest'
import { HTTP_GROUPS, LAMBDA_GROUPS } from '../../cdk/functions.ts'
import type { Handlers } from '../../functions/handler.ts'
import { HANDLERS } from '../../functions/handlers.ts'
import { ADMIN_HANDLERS } from '../../functions/lambdas/admin-handlers.ts'
import { FETCH_HANDLERS } from '../../functions/lambdas/fetch-handlers.ts'
import { GROUP_HANDLERS } from '../../functions/lambdas/group-handlers.ts'
import { PRODUCE_HANDLERS } from '../../functions/lambdas/produce-handlers.ts'
import { REST_HANDLERS } from '../../functions/lambdas/rest-handlers.ts'
import { ROUTES } from '../../functions/routes.ts'

const TABLES: { readonly [group in (typeof LAMBDA_GROUPS)[number]]: Handlers } = {
  produce: PRODUCE_HANDLERS,
  fetch: FETCH_HANDLERS,
  group: GROUP_HANDLERS,
  admin: ADMIN_HANDLERS,
  rest: REST_HANDLERS,
  controller: {},
  background: {},
}

/** The file of a handler: its API in kebab-case, several of REST in one. */
const FILES: { readonly [api: string]: string } = {
  restRoot: 'rest-cluster',
  restHealth: 'rest-cluster',
  restBrokers: 'rest-cluster',
  restTopic: 'rest-topics',
  restPartitions: 'rest-topics',
  restPartition: 'rest-topics',
}

const fileOf = (api: string) =>
  `functions/${FILES[api] ?? api.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}.ts`

/** The project's own files in the bundle of each group. */
const inputs = new Map<string, readonly string[]>()
beforeAll(async () => {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  for (const group of LAMBDA_GROUPS) {
    const { metafile } = await build({
      absWorkingDir: root,
      entryPoints: [`functions/lambdas/${group}.ts`],
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      platform: 'node',
      mainFields: ['module', 'main'],
      outfile: 'index.mjs',
    })
    const [output] = Object.values(metafile.outputs)
    const used = Object.entries(output?.inputs ?? {}).filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    inputs.set(
      group,
      used.map(([file]) => file),
    )
  }
})

test('there is a Lambda for every group that has a route, and two that nobody waits for', () => {
  const withRoutes = [...new Set(ROUTES.map((route) => route.function))]
  expect(withRoutes.sort()).toEqual([...HTTP_GROUPS].sort())
  expect([...HTTP_GROUPS, 'controller', 'background'].sort()).toEqual([...LAMBDA_GROUPS].sort())
})

test('every route has its handler in its own group, and in no other', () => {
  for (const { api, function: owner } of ROUTES) {
    for (const group of LAMBDA_GROUPS) {
      expect(TABLES[group][api], `${api} in ${group}`).toBe(group === owner ? HANDLERS[api] : undefined)
    }
  }
})

test.each(LAMBDA_GROUPS)("the bundle of %s holds its own handlers and no other group's", (group) => {
  for (const { api, function: owner } of ROUTES) {
    const has = inputs.get(group)?.includes(fileOf(api))
    expect(has, `${fileOf(api)} in ${group}`).toBe(group === owner)
  }
})

test.each([
  { group: 'controller', service: 'shared/service/controller.ts' },
  { group: 'background', service: 'shared/service/catch-up.ts' },
])('the bundle of $group does its own work, and nothing of HTTP', ({ group, service }) => {
  const files = inputs.get(group) ?? []
  expect(files).toContain(service)
  expect(files.filter((file) => /^functions\/(http|lambda[-.]|router)/.test(file))).toEqual([
    'functions/lambda-deps.ts',
  ])
})

test.each(LAMBDA_GROUPS)('the bundle of %s holds the AWS adapters and not the embedded ones', (group) => {
  const files = inputs.get(group) ?? []
  expect(files).toContain('shared/aws/dynamo-document-store.ts')
  expect(files.filter((file) => file.startsWith('shared/embedded/') || file.startsWith('local/'))).toEqual([])
})
