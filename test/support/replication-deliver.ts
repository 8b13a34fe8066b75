import { packReference, unpackReference } from '../../shared/core/batch-reference.ts'
import { electLeader, planElection } from '../../shared/core/election.ts'
import { isCommitted, locate } from '../../shared/core/head.ts'
import { carriedOut } from './heads.ts'
import { brokenByStep } from './replication-invariants.ts'
import { batchId, type Command, validLog, type World } from './replication-world.ts'

/** Hands a command to the head; what is broken by it, as sentences. */
export function deliver(world: World, command: Command): readonly string[] {
  const before = world.head
  const after = carriedOut(before, command.plan)
  if (after === undefined) return []
  for (const [packed, baseOffset] of Object.entries(after.tail)) {
    const batch = locate(unpackReference(packed), baseOffset)
    world.appended.set(batchId(batch), batch)
  }
  const broken = brokenByStep(world, { before, after, command })
  const log = validLog(world, after)
  if (command.unclean) {
    const left = new Set(log.map(batchId))
    for (const id of world.committed) if (!left.has(id)) world.committed.delete(id)
  }
  for (const batch of log) if (isCommitted(after, batch)) world.committed.add(batchId(batch))
  world.head = after
  return broken.map((sentence) => `${command.name}: ${sentence}`)
}

/** The election of whoever can be elected, if anybody, with the batches that it truncates from the index pages. */
export function elected(
  world: World,
  isLive: (replica: string) => boolean,
  uncleanAllowed: boolean,
): Command | undefined {
  const { head, nowMs } = world
  const election = planElection(head, { isLive, uncleanAllowed })
  if (election === undefined) return undefined
  const paged = validLog(world, head).filter(
    ({ reference, endOffset }) =>
      head.tail[packReference(reference)] === undefined && endOffset > election.logEndOffset,
  )
  const plan = electLeader(head, election, paged, nowMs)
  return { name: 'elect', plan, unclean: !election.clean, resent: true, put: undefined }
}
