import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { expect, test } from 'vitest'

const ENTRY = fileURLToPath(new URL('../../client/index.ts', import.meta.url))

test('the SDK bundles for a browser: no module of Node, no package, and not large', async () => {
  const { metafile, outputFiles } = await build({
    entryPoints: [ENTRY],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'browser',
  })
  expect(Object.keys(metafile.inputs).filter((path) => path.includes('node_modules'))).toEqual([])
  expect(outputFiles[0]?.contents.length).toBeLessThan(80_000)
})
