import { describe, expect, test } from 'vitest'
import { type Group, NEW_GROUP } from '../../shared/core/group/group.ts'
import { namesOf } from '../../shared/core/group/membership-checks.ts'
import { offsetCommitRequest } from '../../shared/protocol/api/group-offsets.ts'
import { raiseFence } from '../../shared/service/group-fence.ts'
import { fenceOf } from '../../shared/service/group-offsets.ts'
import { loadGroup } from '../../shared/service/group-store.ts'
import { offsetCommit } from '../../shared/service/offset-commit.ts'
import { offsetFetch } from '../../shared/service/offset-fetch.ts'
import type { DocumentFault } from '../support/faulty-store.ts'
import { GROUP, offsetsDocuments, STABLE, storeGroup, storeTopic } from '../support/group-offsets.ts'
import { errorOf, TOPIC } from '../support/log-requests.ts'
import { type Committed, contradictions, type Fetched } from '../support/offset-history.ts'
import { type SeededRandom, seededRandom } from '../support/seeded-random.ts'
import { otherEnvironment, START_MS, type TestDeps, testDeps } from '../support/test-deps.ts'
import { newTurns } from '../support/turns.ts'

const SEEDS = 80
const REBALANCES = 6
const COMMITS = 12
/** Two of one document, and others that are seldom committed to. */
const PARTITIONS = [0, 1, 50, 100, 150, 200]
const FAULTS: readonly DocumentFault[] = [
  { fault: 'throttled' },
  { fault: 'answerLost' },
  { fault: 'callLost' },
]

/** A commit, and whom it said it was from. */
interface From {
  readonly generationId: number
  readonly memberId: string
  readonly groupInstanceId: string | null
}
type Judged = Committed & { readonly from: From; readonly errorName: string | undefined }

/** META as a coordinator stored it, and between which steps its fences were raised and nothing changed. */
interface Era {
  readonly group: Group
  readonly storedAt: number
  raisedAt: number
  stableAt: number
  endedAt: number
}

interface Run {
  readonly deps: TestDeps
  readonly random: SeededRandom
  readonly eras: Era[]
  readonly commits: Judged[]
  readonly fetches: Fetched[]
  step: number
  isOver: boolean
}

async function newRun(seed: number): Promise<Run> {
  const deps = await testDeps({ seed })
  await storeTopic(deps, TOPIC, 300)
  const random = seededRandom(seed)
  const turns = newTurns(random)
  const run: Run = { deps, random, eras: [], commits: [], fetches: [], step: 0, isOver: false }
  deps.documents.faults.always(() => {
    run.step += 1
    const fault = random.integer(0, 39) === 0 ? FAULTS[random.integer(0, FAULTS.length - 1)] : undefined
    return fault ?? { fault: 'before', run: turns.wait }
  })
  return run
}

/** The next state of the group: a rebalance with or without somebody, another process under a static name, or nobody. */
function nextGroup(random: SeededRandom, last: Group, round: number): Group {
  const generationId = last.generationId + 1
  const kind = random.integer(0, 3)
  if (kind === 0) {
    return { ...NEW_GROUP, generationId, protocolType: 'consumer', emptySinceMs: START_MS - 60_000 }
  }
  const staticId = random.integer(0, 1) === 0 ? (last.instances.i1 ?? 's0') : `s${round}`
  const members = ['m1', staticId, ...(random.integer(0, 1) === 0 ? ['m2'] : [])]
  const isSwap = kind === 1 && last.state === 'Stable'
  return {
    ...STABLE,
    generationId: isSwap ? last.generationId : generationId,
    joined: namesOf(isSwap ? [...Object.keys(last.joined), staticId] : members),
    instances: { i1: staticId },
  }
}

/** Moves the group on as a coordinator does; one that fails on the way is followed by another one. */
async function coordinate(run: Run): Promise<void> {
  const { deps, random, eras } = run
  let group: Group = STABLE
  const late: Promise<void>[] = []
  for (let round = 1; round <= REBALANCES; round += 1) {
    const next = round === 1 ? STABLE : nextGroup(random, group, round)
    const isRebalance = next.generationId > group.generationId && next.state === 'Stable'
    const now = () => {
      run.step += 1
      return run.step
    }
    const last = eras.at(-1)
    if (last !== undefined) last.endedAt = now()
    const stored = await storeGroup(deps, isRebalance ? { ...next, state: 'CompletingRebalance' } : next)
    const never = Number.POSITIVE_INFINITY
    const era: Era = { group: next, storedAt: now(), raisedAt: never, stableAt: never, endedAt: never }
    eras.push(era)
    group = next
    // Another one does the same, and may be slow.
    late.push(raiseFence(otherEnvironment(deps), GROUP, fenceOf(stored)).catch(() => {}))
    while (
      await raiseFence(deps, GROUP, fenceOf(stored)).then(
        () => false,
        () => true,
      )
    ) {
      // Another one goes on with it.
    }
    era.raisedAt = now()
    if (isRebalance) await storeGroup(deps, next)
    era.stableAt = now()
    // The others have some turns in this generation.
    for (let pause = random.integer(0, 12); pause > 0; pause -= 1)
      await loadGroup(deps, GROUP, 'strong').catch(() => {})
  }
  await Promise.all(late)
  run.isOver = true
}

/** Somebody of the group as it is, as it was, or of nobody. */
function somebody({ random, eras }: Run): From {
  const { group } = eras[Math.max(0, eras.length - 1 - random.integer(0, 2))] ?? { group: STABLE }
  const members = Object.keys(group.joined)
  const memberId = members[random.integer(0, Math.max(0, members.length - 1))]
  if (memberId === undefined || random.integer(0, 6) === 0) {
    return { generationId: -1, memberId: '', groupInstanceId: null }
  }
  return {
    generationId: group.generationId,
    memberId,
    groupInstanceId: memberId.startsWith('s') ? 'i1' : null,
  }
}

async function commitOften(run: Run, name: number): Promise<void> {
  const deps = otherEnvironment(run.deps)
  for (let at = 0; at < COMMITS; at += 1) {
    const from = somebody(run)
    const partitions = PARTITIONS.filter((partition) => run.random.integer(0, partition / 25) === 0)
    const offset = (partition: number) => name * 100_000 + at * 1000 + partition
    const rows = partitions.map((partitionIndex) => ({
      partitionIndex,
      committedOffset: offset(partitionIndex),
    }))
    const begunAt = run.step
    const topics = [{ name: TOPIC, partitions: rows }]
    const answer = await offsetCommit(deps, offsetCommitRequest.parse({ groupId: GROUP, ...from, topics }))
    run.step += 1
    for (const row of answer.topics[0]?.partitions ?? []) {
      const errorName = errorOf(row)
      const outcome =
        errorName === undefined ? 'ok' : errorName === 'REQUEST_TIMED_OUT' ? 'unknown' : 'refused'
      const { partitionIndex: partition } = row
      run.commits.push({
        from,
        errorName,
        outcome,
        partition,
        offset: offset(partition),
        begunAt,
        endedAt: run.step,
      })
    }
  }
}

async function fetchOften(run: Run): Promise<void> {
  const deps = otherEnvironment(run.deps)
  while (!run.isOver) {
    const begunAt = run.step
    const topics = [{ name: TOPIC, partitions: PARTITIONS.map((partitionIndex) => ({ partitionIndex })) }]
    const answer = await offsetFetch(deps, { groupId: GROUP, topics, requireStable: false })
    run.step += 1
    for (const { partitionIndex, committedOffset, errorCode } of answer.topics[0]?.partitions ?? []) {
      if (errorCode !== 0) continue
      run.fetches.push({ partition: partitionIndex, offset: committedOffset, begunAt, endedAt: run.step })
    }
  }
}

/** I10, at any time: no document is in a generation that META does not have yet. */
async function watch(run: Run): Promise<void> {
  while (!run.isOver) {
    const documents = await offsetsDocuments(run.deps)
    const stored = await loadGroup({ ...run.deps, documents: run.deps.documents.store }, GROUP, 'strong')
    for (const { fence } of documents) {
      expect(fence.generationId).toBeLessThanOrEqual(stored?.group.generationId ?? -1)
      expect(fence.groupVersion).toBeLessThanOrEqual(stored?.version ?? -1)
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Whether META at that era has this client among those that may commit. */
function isCurrent({ group }: Era, { generationId, memberId, groupInstanceId }: From): boolean {
  if (generationId < 0) return group.state === 'Empty'
  const isHolder = groupInstanceId === null || group.instances[groupInstanceId] === memberId
  return generationId === group.generationId && Object.hasOwn(group.joined, memberId) && isHolder
}

/** Whether a fence that stands since before the commit was begun is past the client. */
function isZombie({ eras }: Run, { from, begunAt }: Judged): boolean {
  const { generationId, groupInstanceId, memberId } = from
  if (generationId < 0) return false
  const own = eras.findLastIndex(({ group }) => {
    const isHolder = groupInstanceId === null || group.instances[groupInstanceId] === memberId
    return generationId === group.generationId && isHolder
  })
  return eras.slice(own + 1).some(({ raisedAt }) => raisedAt < begunAt)
}

describe('commits, fetches and rebalances at the same time, with failing calls', () => {
  test('fetches show one order of the commits, zombies change nothing, and members are served', async () => {
    const seen = new Map<string | undefined, number>()
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const run = await newRun(seed)
      await Promise.all([
        coordinate(run),
        ...[1, 2, 3].map((name) => commitOften(run, name)),
        fetchOften(run),
        watch(run),
      ])
      const hint = `seed=${seed}`
      expect(contradictions(run.commits, run.fetches), hint).toEqual([])
      for (const commit of run.commits) {
        seen.set(commit.errorName, (seen.get(commit.errorName) ?? 0) + 1)
        if (commit.outcome === 'ok')
          expect(isZombie(run, commit), `${hint} ${JSON.stringify(commit)}`).toBe(false)
        const during = run.eras.find(
          ({ stableAt, endedAt }) => stableAt < commit.begunAt && commit.endedAt < endedAt,
        )
        if (during === undefined || !isCurrent(during, commit.from)) continue
        expect(
          [undefined, 'REQUEST_TIMED_OUT', 'KAFKA_STORAGE_ERROR'],
          `${hint} ${JSON.stringify(commit)}`,
        ).toContain(commit.errorName)
      }
    }
    // Whatever may happen happened.
    for (const errorName of [
      undefined,
      'ILLEGAL_GENERATION',
      'UNKNOWN_MEMBER_ID',
      'FENCED_INSTANCE_ID',
      'REBALANCE_IN_PROGRESS',
      'REQUEST_TIMED_OUT',
      'KAFKA_STORAGE_ERROR',
    ]) {
      expect(seen.get(errorName) ?? 0, `${errorName} ${JSON.stringify([...seen])}`).toBeGreaterThan(10)
    }
  })
})
