import { checkCommit } from '../core/group/commit.ts'
import { touchPlan } from '../core/group/membership-sync.ts'
import { type Commits, type Committer, holdsCommits, memberCommitPlan } from '../core/group/offsets.ts'
import type { Item } from '../core/update-plan.ts'
import { type ErrorRow, errorRow, KafkaError } from '../protocol/kafka-error.ts'
import type { Key } from '../store/document-store.ts'
import { decodeGroupOffsets } from '../store/items/group-offsets-item.ts'
import type { Deps } from './deps.ts'
import { transactCommits } from './group-offsets-transact.ts'
import { loadGroup, updateMember } from './group-store.ts'
import { eachRow, rowOf } from './rows.ts'

/** What a request commits to one document, which takes all of it or nothing. */
export interface DocumentCommit {
  readonly key: Key
  readonly topicName: string
  readonly commits: Commits
}

/** A commit that the document did not take by itself; `item` is the document, if there is one. */
export interface RefusedCommit extends DocumentCommit {
  readonly item: Item | undefined
}

/** Whose commits they are. */
export type CommitRequest = Committer & { readonly groupId: string }

/** What became of the documents of a request that are settled, by `sk`: only errors stand here. */
export type CommitErrors = Map<string, ErrorRow>

/**
 * Writes commits, each document by itself; answers the errors of those that were not written.
 *
 * A member's commit is one update of the document, whose fence it must pass. Where that is refused and the document does not
 * hold it, META says why; if it has nothing against it (the document is new, or behind META) it is written in a transaction
 * that checks META, as are all commits of clients that are no members.
 */
export async function writeCommits(
  deps: Deps,
  request: CommitRequest,
  documents: readonly DocumentCommit[],
): Promise<CommitErrors> {
  const errors: CommitErrors = new Map()
  // A client without a member id has no document that says when it was last heard of, nor a commit that a fence could let pass.
  const ofMember = request.generationId >= 0 && request.memberId !== ''
  let open = documents
  for (let tries = 1; open.length > 0 && tries <= deps.limits.maxUpdateTries; tries += 1) {
    const touched = ofMember && tries === 1 ? rowOf(deps, () => touch(deps, request)) : undefined
    const refused = await (ofMember ? updateEach(deps, request, open, errors) : readEach(deps, open, errors))
    await touched
    open = refused.length === 0 ? [] : await writeRefused(deps, request, { refused, tries, errors })
  }
  fail(
    errors,
    open,
    new KafkaError('KAFKA_STORAGE_ERROR', `group changed at every try groupId=${request.groupId}`),
  )
  return errors
}

/** Carries out the plans of a member's commits; answers those that were refused and did not find themselves there. */
async function updateEach(
  deps: Deps,
  request: CommitRequest,
  documents: readonly DocumentCommit[],
  errors: CommitErrors,
): Promise<readonly RefusedCommit[]> {
  const outcomes = await eachRow(deps, documents, async (document): Promise<readonly RefusedCommit[]> => {
    const verdict = await rowOf(deps, () =>
      deps.documents.update(document.key, memberCommitPlan(document.commits, request)),
    )
    if ('errorName' in verdict) errors.set(document.key.sk, verdict)
    if ('errorName' in verdict || verdict.applied) return []
    const { item } = verdict
    const isHeld = item !== undefined && holdsCommits(decodeGroupOffsets(item).document, document.commits)
    return isHeld ? [] : [{ ...document, item }]
  })
  return outcomes.flat()
}

/** The documents as they are, for commits that no fence can let pass. */
async function readEach(
  deps: Deps,
  documents: readonly DocumentCommit[],
  errors: CommitErrors,
): Promise<readonly RefusedCommit[]> {
  const outcomes = await eachRow(deps, documents, async (document): Promise<readonly RefusedCommit[]> => {
    const read = await rowOf(deps, async () => ({ item: await deps.documents.get(document.key, 'strong') }))
    if ('errorName' in read) errors.set(document.key.sk, read)
    return 'errorName' in read ? [] : [{ ...document, item: read.item }]
  })
  return outcomes.flat()
}

/** Settles what was refused by META as it is now; answers what is to be tried again, because META changed meanwhile. */
async function writeRefused(
  deps: Deps,
  request: CommitRequest,
  round: {
    readonly refused: readonly RefusedCommit[]
    readonly tries: number
    readonly errors: CommitErrors
  },
): Promise<readonly DocumentCommit[]> {
  const { refused, tries, errors } = round
  const { groupId } = request
  const now = await rowOf(deps, async () => {
    const stored = await loadGroup(deps, groupId, 'strong')
    checkCommit(stored?.group, request)
    return { stored }
  })
  if ('errorName' in now) {
    for (const { key } of refused) errors.set(key.sk, now)
    return []
  }
  return transactCommits(deps, { groupId, stored: now.stored, refused, tries, errors })
}

/** A commit counts as a heartbeat, as in Kafka; that of a member that is gone is nobody's. */
const touch = (deps: Deps, { groupId, memberId }: CommitRequest) =>
  updateMember(deps, groupId, memberId, touchPlan(deps.clock.nowMs()))

function fail(errors: CommitErrors, documents: readonly DocumentCommit[], error: KafkaError): void {
  for (const { key } of documents) errors.set(key.sk, errorRow(error))
}
