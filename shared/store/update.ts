import { applyPlan } from '../core/apply-plan.ts'
import type { Item, UpdatePlan } from '../core/update-plan.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import { LIMITS } from '../protocol/limits.ts'
import type { Action, DocumentStore, Expected, Key } from './document-store.ts'

/** What a transition makes of a document: the new one and the version it replaces, or a plan, or undefined to leave it as it is. */
type Transition = (stored: Item | undefined) => Next | undefined | Promise<Next | undefined>
type Next =
  | { readonly item: Item; readonly expected: Expected }
  /** Its checks hold only for the document that was loaded, and `onlyIf` for others. */
  | { readonly plan: UpdatePlan; readonly onlyIf?: readonly Action[] }

/**
 * Changes a document that is not a head: load, decide, write if it is still what was loaded; again when another was faster.
 * Answers the document as it is then, or was left.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when others were faster every time
 */
export async function updateDocument(
  documents: DocumentStore,
  key: Key,
  transition: Transition,
): Promise<Item | undefined> {
  for (let tries = 0; tries < LIMITS.maxUpdateTries; tries += 1) {
    const stored = await documents.get(key, 'strong')
    const next = await transition(stored)
    if (next === undefined) return stored
    if ('plan' in next && next.onlyIf !== undefined) {
      const { plan, onlyIf } = next
      const { applied } = await documents.transact([{ action: 'update', key, plan }, ...onlyIf])
      if (applied) return applyPlan(stored, plan).item
      continue
    }
    const verdict =
      'plan' in next
        ? await documents.update(key, next.plan)
        : await documents.put(key, next.item, next.expected)
    if (verdict.applied) return verdict.item
  }
  throw new KafkaError('KAFKA_STORAGE_ERROR', `document changed at every try pk=${key.pk} sk=${key.sk}`)
}
