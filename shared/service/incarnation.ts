import { ULID_RANDOM_BYTES, ulidBytes, ulidText } from '../core/ulid.ts'
import { assert } from '../protocol/kafka-error.ts'
import { LIMITS } from '../protocol/limits.ts'
import { INCARNATION_OBJECT } from '../store/keys.ts'
import type { Deps } from './deps.ts'

/**
 * The ULID that names the bucket which a storage node has now; undefined when the bucket has none: it is new, or was
 * emptied.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when the node cannot be reached, or does not answer within `timeoutMs`
 */
export async function readIncarnation(
  deps: Pick<Deps, 'nodes' | 'clock'>,
  nodeId: number,
  timeoutMs: number = LIMITS.getTimeoutMs,
): Promise<string | undefined> {
  const node = deps.nodes.get(nodeId)
  assert(node !== undefined, `storage node is unknown node=${nodeId}`)
  const timeout = deps.clock.timeout(timeoutMs)
  try {
    const bytes = await node.get(INCARNATION_OBJECT, undefined, timeout.signal)
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes)
  } finally {
    timeout.cancel()
  }
}

/**
 * Gives an empty bucket its name, and answers the one that it has then: another one's that was faster stands.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when the node cannot be reached, or does not answer in time
 */
export async function nameBucket(
  deps: Pick<Deps, 'nodes' | 'clock' | 'randomBytes'>,
  nodeId: number,
): Promise<string> {
  const node = deps.nodes.get(nodeId)
  assert(node !== undefined, `storage node is unknown node=${nodeId}`)
  const fresh = ulidText(ulidBytes(deps.clock.nowMs(), deps.randomBytes(ULID_RANDOM_BYTES)))
  const timeout = deps.clock.timeout(LIMITS.putTimeoutMs)
  try {
    await node.putIfAbsent(INCARNATION_OBJECT, [new TextEncoder().encode(fresh)], timeout.signal)
  } finally {
    timeout.cancel()
  }
  return (await readIncarnation(deps, nodeId, LIMITS.putTimeoutMs)) ?? fresh
}
