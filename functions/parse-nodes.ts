import { KafkaError } from '../shared/protocol/kafka-error.ts'
import { nameAndValue } from './environment.ts'

/** Where a storage node is. */
interface NodeAddress {
  readonly zone: string
  readonly bucket: string
}

/**
 * `use1-az4=bucket-a, use1-az5=bucket-b`, the text of STRATOLOG_NODES → the storage nodes in the order of their ids. Two may
 * stand in one zone, but not in one bucket: they would lose their data together.
 *
 * @throws KafkaError INVALID_CONFIG when an entry lacks its zone or bucket, or names a bucket that an earlier one has
 */
export function parseNodes(text: string): readonly NodeAddress[] {
  const nodes: NodeAddress[] = []
  for (const entry of text.split(',')) {
    const [zone, bucket] = nameAndValue(entry)
    if (zone === '' || bucket === '') throw wrongEntry('storage node is not zone=bucket', entry)
    if (nodes.some((node) => node.bucket === bucket)) {
      throw wrongEntry('bucket is that of another storage node', entry)
    }
    nodes.push({ zone, bucket })
  }
  return nodes
}

function wrongEntry(fact: string, entry: string): KafkaError {
  return new KafkaError('INVALID_CONFIG', `${fact} variable=STRATOLOG_NODES entry=${entry.trim()}`)
}
