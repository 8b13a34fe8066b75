import { openDataDirectory } from '../../shared/embedded/data-directory.ts'

// A process of its own that opens the data directory named by its argument, writes one document and one object, says so,
// and holds the directory until it is killed.
const stores = openDataDirectory({ path: process.argv[2] ?? '', nodes: 3, durability: 'process' })
await stores.documents.put({ pk: 'P#1', sk: 'HEAD' }, { from: 'the first' }, 'absent')
await stores.nodes.get(2)?.put('wal/hour/object', [Uint8Array.from([1, 2])], new AbortController().signal)
process.stdout.write('open\n')
setInterval(() => {}, 60_000)
