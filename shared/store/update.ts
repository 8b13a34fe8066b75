import type { Item } from '../core/update-plan.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import { LIMITS } from '../protocol/limits.ts'
import type { DocumentStore, Expected, Key } from './document-store.ts'

/** What a transition makes of a document: the new one and the version it replaces, or undefined to leave it as it is. */
type Transition = (
  stored: Item | undefined,
) => { readonly item: Item; readonly expected: Expected } | undefined

/**
 * Changes a document that is not a head: load, decide, put at the version that was loaded; again when another was faster.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when others were faster every time
 */
export async function updateDocument(
  documents: DocumentStore,
  key: Key,
  transition: Transition,
): Promise<void> {
  for (let tries = 0; tries < LIMITS.maxUpdateTries; tries += 1) {
    const next = transition(await documents.get(key, 'strong'))
    if (next === undefined) return
    const verdict = await documents.put(key, next.item, next.expected)
    if (verdict.applied) return
  }
  throw new KafkaError('KAFKA_STORAGE_ERROR', `document changed at every try pk=${key.pk} sk=${key.sk}`)
}
