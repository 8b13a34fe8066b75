/** A rule of the protocol taken out of the product's text. */
export interface PlantedBug {
  readonly name: string
  /** The rule that it removes, as the design and its list of interleavings number and word it. */
  readonly rule: string
  /** Module, from the root of the repository. */
  readonly file: string
  /** Stands exactly once in the module. */
  readonly find: string
  readonly replace: string
  /** Statements on the module's first line, for what `replace` needs. */
  readonly imports?: string
}

/** The bugs that a simulation must find: without each of these rules data is lost, doubled or mixed up, or nothing goes on. */
export const BUGS: readonly PlantedBug[] = [
  {
    name: 'no-deduplication',
    rule: 'K9: the append checks the sequence of its producer',
    file: 'shared/core/head-commands.ts',
    find: '      ...sequenceFollows(batch),\n',
    replace: '',
  },
  {
    name: 'refusal-in-doubt-is-definite',
    rule: '§4: after an unknown outcome no definite answer is given',
    file: 'shared/service/append-batch.ts',
    find: "    if (!appending.inDoubt || error.effect === 'unknown') throw error\n",
    replace: '    throw error\n',
  },
  {
    name: 'own-append-not-recognised',
    rule: '§4: a refused update is judged by its own reference first',
    file: 'shared/core/head-answer.ts',
    find: "  if (own !== undefined) return { because: 'applied', batch: own }\n",
    replace: '',
  },
  {
    name: 'producer-stored-after-append',
    rule: 'K9: the sequence is remembered in the same write as the append',
    file: 'shared/service/append-attempt.ts',
    find: '    const verdict = await updateHead(deps, partition, append(planned))\n',
    replace: `    const whole = append(planned)
    const first = whole.changes.filter(({ path }) => path[0] !== 'producers')
    const second = whole.changes.filter(({ path }) => path[0] === 'producers')
    const written = await updateHead(deps, partition, { checks: whole.checks, changes: first })
    const isTwo = written.applied && second.length > 0
    const verdict = isTwo ? await updateHead(deps, partition, { checks: [], changes: second }) : written
`,
  },
  {
    name: 'ack-before-append',
    rule: '§4: an answer comes after the conditional write',
    file: 'shared/service/append-batch.ts',
    find: '    const appended = await appendUntilDone(appending)\n',
    replace: `    const writing = appendUntilDone(appending)
    writing.catch(() => undefined)
    const baseOffset = appending.head.logEndOffset
    if (appending.head.leader !== undefined)
      return { head: appending.head, batch: { baseOffset, endOffset: baseOffset + 1, reference: { maxTimestamp: 0 } } }
    const appended = await writing
`,
  },
  {
    name: 'append-of-any-epoch',
    rule: '§4: the append checks leader and partition epoch',
    file: 'shared/core/head-commands.ts',
    find: `      ...ledBy(head), //                                          fenced: another leader took over
      equal(['partitionEpoch'], head.partitionEpoch), //          the ISR is the one the copies were made for
`,
    replace: "      present(['leader']),\n",
  },
  {
    name: 'append-while-fenced',
    rule: '▲ §3: every append finds a leader, and its epoch',
    file: 'shared/core/head-commands.ts',
    find: '      ...ledBy(head), //                                          fenced: another leader took over\n',
    replace: '',
  },
  {
    name: 'append-of-any-partition-epoch',
    rule: '▲ §4: the partition epoch at append is the one the PUTs were planned for',
    file: 'shared/core/head-commands.ts',
    find: "      equal(['partitionEpoch'], head.partitionEpoch), //          the ISR is the one the copies were made for\n",
    replace: '',
  },
  {
    name: 'objects-named-by-offset',
    rule: '§2: a WAL object is immutable: two writers never name one alike',
    file: 'shared/service/wal-copies.ts',
    find: '    const objectId = ulidBytes(deps.clock.nowMs(), deps.randomBytes(ULID_RANDOM_BYTES))\n',
    replace:
      '    const objectId = ulidBytes(group[0]?.head.logEndOffset ?? 0, new Uint8Array(ULID_RANDOM_BYTES))\n',
  },
  {
    name: 'ack-with-one-copy',
    rule: '§4: acks=all waits for every replica of the ISR',
    file: 'shared/core/copy-step.ts',
    find: "  if (led === 'pending' || (pending.length > 0 && !isLate)) return { step: 'wait' }\n",
    replace: `  if (led === 'reached') return { step: 'append', missed: [] }
  if (led === 'pending') return { step: 'wait' }
`,
  },
  {
    name: 'reader-beyond-high-watermark',
    rule: 'I13: nothing at or above the high watermark is returned',
    file: 'shared/service/read-partition.ts',
    find: 'lastStableOffset(head) : head.highWatermark',
    replace: 'lastStableOffset(head) : head.logEndOffset',
  },
  {
    name: 'reader-skips-missing-object',
    rule: '▲ §5: no copy of a batch is an error, never a skip',
    file: 'shared/service/read-batches.ts',
    find: `  await Promise.all(reports)
  const facts`,
    replace: `  await Promise.all(reports)
  if (failures.length > 0) return new Uint8Array(0)
  const facts`,
  },
  {
    name: 'success-without-high-watermark',
    rule: '▲ C1: success only from a head whose high watermark is past the batch',
    file: 'shared/core/head.ts',
    find: '  return head.highWatermark >= batch.endOffset && isValid(batch, head.lineage)\n',
    replace: '  return isValid(batch, head.lineage)\n',
  },
  {
    name: 'high-watermark-below-min-isr',
    rule: '▲ §4, KIP-966: while |ISR| < minISR the high watermark stands still',
    file: 'shared/core/head.ts',
    find: '  return head.isr.length >= head.minIsr && !head.isr.some(lacks)\n',
    replace: '  return !head.isr.some(lacks)\n',
  },
  {
    name: 'high-watermark-past-a-new-hole',
    rule: '▲ §4: an append that moves the high watermark finds no hole in the ISR',
    file: 'shared/core/head-commands.ts',
    find: "    return followers.map((replica) => absent(['holeStart', replica]))\n",
    replace: '    return followers.length < 0 ? [absent([])] : []\n',
  },
  {
    name: 'high-watermark-behind-a-closed-hole',
    rule: '▲ C18: an append that leaves the high watermark finds a hole in the ISR',
    file: 'shared/core/head-commands.ts',
    find: "  return [anyOf(head.isr.map((replica) => present(['holeStart', replica])))]\n",
    replace: '  return []\n',
  },
  {
    name: 'shrink-leaves-high-watermark',
    rule: '▲ H1: changeIsr restores the high watermark',
    file: 'shared/core/isr-commands.ts',
    find: `      ...newPartitionEpoch(head),
      set(['dueAtMs'], nowMs),
      ...restored.changes,
    ],
  }
}

/** A replica outside`,
    replace: `      ...newPartitionEpoch(head),
      set(['dueAtMs'], nowMs),
    ],
  }
}

/** A replica outside`,
  },
  {
    name: 'min-isr-leaves-high-watermark',
    rule: '▲ §4: setMinIsr restores the high watermark',
    file: 'shared/core/isr-commands.ts',
    find: `      set(['minIsr'], minIsr),
      ...newPartitionEpoch(head),
      set(['dueAtMs'], nowMs),
      ...restored.changes,
`,
    replace: `      set(['minIsr'], minIsr),
      ...newPartitionEpoch(head),
      set(['dueAtMs'], nowMs),
`,
  },
  {
    name: 'fill-leaves-high-watermark',
    rule: '▲ §4: fillHole restores the high watermark',
    file: 'shared/core/isr-commands.ts',
    find: `            ...newPartitionEpoch(head),
          ]
        : []),
      ...restored.changes,
`,
    replace: `            ...newPartitionEpoch(head),
          ]
        : []),
`,
  },
  {
    name: 'election-leaves-high-watermark',
    rule: '▲ §6: an election restores the high watermark',
    file: 'shared/core/election.ts',
    find: '  if (isr.length < head.minIsr) return lowered\n',
    replace: '  if (isr.length >= 0) return lowered\n',
  },
  {
    name: 'trim-of-any-epoch',
    rule: '▲ §3: every command checks the leader epoch, so that no deleted head is made again',
    file: 'shared/core/head-commands.ts',
    find: '  return { checks: ledBy(head), changes: paged.map(',
    replace: '  return { checks: [], changes: paged.map(',
  },
  {
    name: 'unclean-keeps-high-watermark',
    rule: '▲ C16: an unclean election lowers the high watermark to the log end',
    file: 'shared/core/election.ts',
    find: '  const lowered = Math.min(head.highWatermark, logEndOffset)\n',
    replace: '  const lowered = head.highWatermark\n',
  },
  {
    name: 'diverged-reader-not-told',
    rule: 'K3, KIP-320: a reader beyond a truncation is told',
    file: 'shared/service/plan-fetch.ts',
    find: `  const divergingEpoch = findDivergence(head, partition, row)
`,
    replace: `  const divergingEpoch = row === undefined ? findDivergence(head, partition, row) : undefined
`,
  },
  {
    name: 'holes-forgotten-by-high-watermark',
    rule: 'I14: the high watermark is the least log end of the ISR',
    file: 'shared/core/high-watermark.ts',
    find: "  if (starts.length === 0) return { checks, changes: [copy(['highWatermark'], ['logEndOffset'])] }\n",
    replace:
      "  if (starts.length >= 0) return { checks, changes: [copy(['highWatermark'], ['logEndOffset'])] }\n",
  },
  {
    name: 'holes-not-clamped',
    rule: '▲ C3: an election clamps every hole to the new log end',
    file: 'shared/core/election.ts',
    find: `    const start = Math.min(head.holeStart[replica] ?? logEndOffset, logEndOffset)
    const end = Math.min(head.holeEnd[replica] ?? logEndOffset, logEndOffset)
`,
    replace: `    const start = head.holeStart[replica] ?? logEndOffset
    const end = head.holeEnd[replica] ?? logEndOffset
`,
  },
  {
    name: 'winner-keeps-its-hole',
    rule: '▲ C15: the winner of an election has no hole',
    file: 'shared/core/election.ts',
    find: '  for (const replica of head.replicas.filter((other) => other !== winner)) {\n',
    replace: `  if (head.holeStart[winner] !== undefined) {
    holeStart[winner] = head.holeStart[winner]
    holeSince[winner] = nowMs
    if (head.holeEnd[winner] !== undefined) holeEnd[winner] = head.holeEnd[winner]
  }
  for (const replica of head.replicas.filter((other) => other !== winner)) {
`,
  },
  {
    name: 'elected-at-the-old-log-end',
    rule: '▲ §6: the log ends where the log of the winner ends',
    file: 'shared/core/election.ts',
    find: '    logEndOffset: Math.max(logEndOf(head, winner), head.sealedEnd, head.logStartOffset),\n',
    replace: '    logEndOffset: head.logEndOffset,\n',
  },
  {
    name: 'truncated-batches-stay-in-tail',
    rule: '§6: an election removes what it truncates from the tail',
    file: 'shared/core/election.ts',
    find: `      ...removed.map((batch): Change => remove(['tail', packReference(batch.reference)])),
`,
    replace: '',
  },
  {
    name: 'truncated-lineage-kept',
    rule: '▲ §6: an election drops the lineage from the new log end on',
    file: 'shared/core/election.ts',
    find: '.filter(([, start]) => start < logEndOffset)',
    replace: '.filter(([, start]) => start >= 0)',
  },
  {
    name: 'outsiders-lack-nothing-after-election',
    rule: '▲ §6: every replica outside ends with a growing hole',
    file: 'shared/core/election.ts',
    find: '    if (inSync && start >= end) continue\n',
    replace: '    if (start >= end) continue\n',
  },
  {
    name: 'elected-without-a-fence',
    rule: '▲ §6: an election is two commands, so that the log stands still between them',
    file: 'shared/service/reconcile-partition.ts',
    find: `    case 'fence':
      return fence(head, nowMs)
`,
    replace: `    case 'fence': {
      const isLive = (replica) => isOnLiveNode(replica, control.nodes)
      const election = planElection(head, { isLive, uncleanAllowed: false })
      if (election === undefined) return fence(head, nowMs)
      const next = { ...head, leaderEpoch: head.leaderEpoch + 1 }
      const plan = electLeader(next, election, [], nowMs)
      return {
        checks: [equal(['leaderEpoch'], head.leaderEpoch), equal(['partitionEpoch'], head.partitionEpoch)],
        changes: [set(['leaderEpoch'], next.leaderEpoch), ...plan.changes],
      }
    }
`,
    imports:
      "import { planElection } from '../core/election.ts'; import { equal, set } from '../core/update-plan.ts'",
  },
  {
    name: 'elected-without-what-was-read',
    rule: '▲ H4, KIP-966: who is elected from outside the ISR has all below the high watermark',
    file: 'shared/core/election.ts',
    find: 'live.find((replica) => head.isr.includes(replica)) ?? caughtUp[0]\n',
    replace: 'live.find((replica) => head.isr.includes(replica)) ?? live[0] ?? caughtUp[0]\n',
  },
  {
    name: 'producers-not-rolled-back',
    rule: '▲ C8: a truncation rolls producers back',
    file: 'shared/core/roll-back.ts',
    find: '  return [...rollBackProducers(head, truncation), ...',
    replace: '  return [...',
  },
  {
    name: 'loss-not-recorded',
    rule: '§6: what an unclean election gives up is recorded',
    file: 'shared/service/reconcile-partition.ts',
    find: '      await recordLoss(control, partition, head, step.election)\n',
    replace: '',
  },
  {
    name: 'planned-move-without-lineage',
    rule: '▲ §6: a planned move begins an epoch in the lineage',
    file: 'shared/core/election.ts',
    find: "      copy(['lineage', String(leaderEpoch)], ['logEndOffset']),\n",
    replace: '',
  },
  {
    name: 'controller-epoch-not-checked',
    rule: 'H17: a head write of an older controller is refused',
    file: 'shared/core/controller-lease.ts',
    find: "    checks: [...plan.checks, lessOrEqual(['controllerEpoch'], controllerEpoch)],\n",
    replace: '    checks: plan.checks,\n',
  },
  {
    name: 'lease-taken-at-any-time',
    rule: '§6: one controller at a time holds the lease',
    file: 'shared/core/controller-lease.ts',
    find: `    checks: [lessOrEqual(['expiresAtMs'], nowMs)],
`,
    replace: `    checks: [lessOrEqual(['controllerEpoch'], Number.MAX_SAFE_INTEGER)],
`,
  },
  {
    name: 'node-written-by-an-old-controller',
    rule: 'H17: a node document is changed by the last controller, as it was read',
    file: 'shared/core/storage-node.ts',
    find: `  return [equal(['nodeEpoch'], node.nodeEpoch), lessOrEqual(['controllerEpoch'], controllerEpoch)]
`,
    replace: `  return []
`,
  },
  {
    name: 'walk-never-begun',
    rule: '§6: every partition is told of a node that changed',
    file: 'shared/core/storage-node.ts',
    find: `      set(['controllerEpoch'], controllerEpoch),
      set(['walkedTo'], ''),
`,
    replace: "      set(['controllerEpoch'], controllerEpoch),\n",
  },
  {
    name: 'walk-ended-for-a-later-change',
    rule: '▲ §5: a node that changed during a walk is walked for anew',
    file: 'shared/service/controller.ts',
    find: `  return [...nodes].filter(([nodeId, { nodeEpoch }]) => epochs.get(nodeId) === nodeEpoch)
`,
    replace: `  return [...nodes].filter(([nodeId]) => epochs.has(nodeId))
`,
  },
  {
    name: 'walk-ended-though-it-failed',
    rule: '▲ §5: a node is UP only when every head was told of its bucket',
    file: 'shared/service/controller.ts',
    find: `  if (failed === 0) await endWalk(control, epochs)
`,
    replace: `  await endWalk(control, epochs)
`,
  },
  {
    name: 'due-dropped',
    rule: '§7: a partition that has anything left to do stays listed',
    file: 'shared/core/isr-commands.ts',
    find: "changes: [set(['dueAtMs'], nextMs)] }",
    replace: "changes: [remove(['dueAtMs'])] }",
  },
  {
    name: 'wiped-bucket-under-its-old-name',
    rule: '▲ C10: a bucket that was wiped is another replica',
    file: 'shared/core/storage-node.ts',
    find: "    set(['incarnation'], node.incarnation + 1),\n",
    replace: "    set(['incarnation'], node.incarnation),\n",
  },
  {
    name: 'replica-never-replaced',
    rule: '▲ §5: replaceReplica reaches every head that names a wiped replica',
    file: 'shared/core/reconcile.ts',
    find: '    if (node === undefined || node.incarnation <= incarnationOf(lost)) continue\n',
    replace: '    if (node === undefined || node.incarnation >= incarnationOf(lost)) continue\n',
  },
  {
    name: 'wiped-replica-lacks-nothing',
    rule: '▲ §5: a replaced replica lacks all that is not sealed',
    file: 'shared/core/isr-commands.ts',
    find: "      set(['holeStart', successor], Math.max(head.sealedEnd, head.logStartOffset)),\n",
    replace: "      copy(['holeStart', successor], ['logEndOffset']),\n",
  },
  {
    name: 'puts-for-any-incarnation',
    rule: '▲ C10: PUTs count only for the incarnation under which they began',
    file: 'shared/service/wal-copies.ts',
    find: '    const copies: WalCopies = { puts, objectId, object, byReplica: new Map() }\n',
    replace: `    const byNode = new Map()
    const byReplica = {
      has: (replica) => byNode.has(nodeOf(replica)),
      get: (replica) => byNode.get(nodeOf(replica)),
      set: (replica, copy) => byNode.set(nodeOf(replica), copy),
    }
    const copies: WalCopies = { puts, objectId, object, byReplica }
`,
  },
  {
    name: 'failed-copies-count',
    rule: '§5: the log end of a replica is a contiguous prefix of the log',
    file: 'shared/service/fill-holes.ts',
    find: '  const held = failedAt < 0 ? batches : batches.slice(0, failedAt)\n',
    replace: '  const held = batches\n',
  },
  {
    name: 'joining-replica-not-written',
    rule: '▲ H2: a joining replica is written to from then on',
    file: 'shared/core/head.ts',
    find: '  return [...head.isr, ...head.joining]\n',
    replace: '  return [...head.isr]\n',
  },
  {
    name: 'missed-copy-forgotten',
    rule: '▲ §5: an append that did not reach a member says so in its own write',
    file: 'shared/core/head-commands.ts',
    find: '      ...openHoles(batch),\n',
    replace: '',
  },
  {
    name: 'joining-miss-forgotten',
    rule: '▲ C14: so it does of a joining replica',
    file: 'shared/core/head-commands.ts',
    find: `function openHoles({ missed, reference, nowMs }: PlannedAppend): readonly Change[] {
  return missed.flatMap((replica) => [
`,
    replace: `function openHoles({ head, missed, reference, nowMs }: PlannedAppend): readonly Change[] {
  return missed.filter((replica) => head.isr.includes(replica)).flatMap((replica) => [
`,
  },
  {
    name: 'leaver-lacks-nothing',
    rule: '§5: who leaves the ISR lacks what is appended from then on',
    file: 'shared/core/isr-commands.ts',
    find: "        copyIfAbsent(['holeStart', replica], ['logEndOffset']),\n",
    replace: '',
  },
  {
    name: 'handler-shrinks-below-min-isr',
    rule: 'H5: a handler never brings the ISR below minISR',
    file: 'shared/core/copy-step.ts',
    find: `  if (head.isr.length - inSync.length >= head.minIsr) return failed
`,
    replace: `  if (head.isr.length >= 0) return failed
`,
  },
  {
    name: 'hole-never-grows-again',
    rule: '§5: who leaves the ISR has a hole that grows',
    file: 'shared/core/isr-commands.ts',
    find: "        remove(['holeEnd', replica]),\n",
    replace: '',
  },
  {
    name: 'hole-filled-by-an-old-head',
    rule: '▲ §5: fillHole checks the epochs and the hole',
    file: 'shared/core/isr-commands.ts',
    find: `      ...ofEpochs(head),
      present(['leader']),
      equal(['holeStart', replica], start),
      equal(['holeEnd', replica], end),
`,
    replace: "      present(['leader']),\n",
  },
  {
    name: 'hole-filled-beyond-its-old-end',
    rule: '▲ §5: fillHole checks the end of the hole',
    file: 'shared/core/isr-commands.ts',
    find: "      equal(['holeEnd', replica], end),\n",
    replace: '',
  },
  {
    name: 'hole-filled-in-any-epoch',
    rule: '▲ C3: acknowledgements check leader and partition epoch',
    file: 'shared/core/isr-commands.ts',
    find: `      ...ofEpochs(head),
      present(['leader']),
      equal(['holeStart', replica], start),
`,
    replace: `      present(['leader']),
      equal(['holeStart', replica], start),
`,
  },
  {
    name: 'absent-producer-is-new',
    rule: '▲ C5: a producer is unknown only when its document was read',
    file: 'shared/service/append-attempt.ts',
    find: '  const spilled = await readSpilledProducer(deps, copied.batch.partition, producer)\n',
    replace:
      '  const spilled = deps === undefined ? await readSpilledProducer(deps, copied.batch.partition, producer) : undefined\n',
  },
  {
    name: 'producer-document-overwritten',
    rule: '▲ C5: the document of a producer is put only if it rises',
    file: 'shared/service/spill-producer.ts',
    find: `    if (!isNewer(spilled, stored)) return undefined
`,
    replace: `    if (stored === undefined && !isNewer(spilled, stored)) return undefined
`,
  },
  {
    name: 'producer-evicted-though-it-moved',
    rule: '▲ §8: a producer leaves the head only if nothing of it changed',
    file: 'shared/core/head-commands.ts',
    find: `      equal(['producers', producer], state),
      equal(['producerOffsets', producer], lastBaseOffset),
      less(`,
    replace: `      present(['producers', producer]),
      less(`,
  },
  {
    name: 'unknown-outcome-sent-again',
    rule: '▲ C4: only a batch with a sequence is sent again after an unknown outcome',
    file: 'shared/service/append-attempt.ts',
    find: "  if (planned.reference.sequence !== undefined) return { because: 'moved' }\n",
    replace: "  if (planned.reference !== undefined) return { because: 'moved' }\n",
  },
  {
    name: 'page-overwritten',
    rule: '▲ C6: a page is put only if absent',
    file: 'shared/service/page-tail.ts',
    find: "  const stored = await deps.documents.put(key, encodePage(paged.page), 'absent')\n",
    replace: `  let stored = await deps.documents.put(key, encodePage(paged.page), 'absent')
  if (!stored.applied && stored.item !== undefined)
    stored = await deps.documents.put(key, encodePage(paged.page), Number(stored.item.ver))
`,
  },
  {
    name: 'trim-of-own-entries',
    rule: '▲ C6: only what the stored page holds leaves the tail',
    file: 'shared/service/page-tail.ts',
    find: '  const inPage = Object.keys(decodePage(stored.item).entries)\n',
    replace: '  const inPage = Object.keys(paged.page.entries)\n',
  },
  {
    name: 'page-key-without-epoch',
    rule: '▲ C6: two leaders never mean one page',
    file: 'shared/service/page-tail.ts',
    find: `  const key = pageKey(pkOf(partition), paged.start)
`,
    replace: `  const key = pageKey(pkOf(partition), { ...paged.start, leaderEpoch: 0 })
`,
  },
  {
    name: 'trim-before-the-page',
    rule: '§4: the page is stored before its entries leave the tail',
    file: 'shared/service/page-tail.ts',
    find: "  const stored = await deps.documents.put(key, encodePage(paged.page), 'absent')\n",
    replace: `  await updateHead(deps, partition, trimTail(head, Object.keys(paged.page.entries)))
  const stored = await deps.documents.put(key, encodePage(paged.page), 'absent')
`,
  },
  {
    name: 'uncommitted-entries-paged',
    rule: '▲ C6: only entries below the high watermark are paged',
    file: 'shared/core/index-page.ts',
    find: '    (batch) => batch.endOffset <= head.highWatermark,\n',
    replace: '    (batch) => batch.endOffset >= 0,\n',
  },
  {
    name: 'pages-without-lineage',
    rule: '▲ C6: a page entry counts only where the lineage has its range',
    file: 'shared/service/locate-batches.ts',
    find: "import { type Head, type LocatedBatch, validBatches } from '../core/head.ts'\n",
    replace: `import { type Head, type LocatedBatch, locate } from '../core/head.ts'
import { unpackReference } from '../core/batch-reference.ts'
const validBatches = (entries) =>
  Object.entries(entries)
    .map(([packed, baseOffset]) => locate(unpackReference(packed), baseOffset))
    .sort((a, b) => a.baseOffset - b.baseOffset)
`,
  },
  {
    name: 'crc-not-checked',
    rule: '§5: the CRC of every copy is checked',
    file: 'shared/service/read-copy.ts',
    find: '    checkBatchCrc(bytes)\n',
    replace: '',
  },
  {
    name: 'head-read-eventually',
    rule: '§5: every answered high watermark comes from a strong read',
    file: 'shared/service/heads.ts',
    find: `'strong')
  if (item === undefined) return forgotten(deps, partition)
`,
    replace: `'eventual')
  if (item === undefined) return forgotten(deps, partition)
`,
  },
  {
    name: 'commit-of-any-generation',
    rule: '▲ §9: a commit checks the generation of the fence',
    file: 'shared/core/group/offsets.ts',
    find: "    checks: [equal(['fence', 'generationId'], generationId), ...ofInstance, ...ofMetadata],\n",
    replace: "    checks: [present(['fence']), ...ofInstance, ...ofMetadata],\n",
  },
  {
    name: 'commit-of-any-instance',
    rule: '▲ §9: a commit of a static member checks whom its name stands for',
    file: 'shared/core/group/offsets.ts',
    find: "    checks: [equal(['fence', 'generationId'], generationId), ...ofInstance, ...ofMetadata],\n",
    replace: "    checks: [equal(['fence', 'generationId'], generationId), ...ofMetadata],\n",
  },
  {
    name: 'fence-raised-after-stable',
    rule: '▲ §9: the fence is raised before the group is Stable',
    file: 'shared/service/sync-group.ts',
    find: `  await raiseFence(deps, groupId, fenceOf(stored))
  return putGroup(deps, groupId, stable(group), stored)
`,
    replace: `  const put = await putGroup(deps, groupId, stable(group), stored)
  if (put !== undefined) await raiseFence(deps, groupId, fenceOf(put))
  return put
`,
  },
  {
    name: 'fence-goes-back',
    rule: '▲ §9: a fence only rises',
    file: 'shared/core/group/offsets.ts',
    find: "    checks: [equal(['fence', 'bornAtMs'], bornAtMs), lessOrEqual(['fence', 'groupVersion'], groupVersion)],\n",
    replace: "    checks: [equal(['fence', 'bornAtMs'], bornAtMs)],\n",
  },
  {
    name: 'offsets-made-without-a-look-at-the-group',
    rule: '▲ §9: a document of offsets is created in a transaction that checks META',
    file: 'shared/service/group-offsets-transact.ts',
    find: "      actions: [{ action: 'check', key, checks: [equal(['ver'], version)] }],\n",
    replace: '      actions: [],\n',
  },
  {
    name: 'commit-of-nobody-amid-members',
    rule: '▲ §9, §2.2: generation −1 is taken only of an empty group',
    file: 'shared/core/group/commit.ts',
    find: "  if (generationId < 0 && group.state === 'Empty') return\n",
    replace: '  if (generationId < 0) return\n',
  },
  {
    name: 'group-put-over-a-join',
    rule: '§9: state transitions are puts at the version that was read',
    file: 'shared/service/group-store.ts',
    find: '    const verdict = await unlessUnknown(deps, deps.documents.put(key, item, read.version))\n',
    replace: `    const now = await deps.documents.get(key, 'strong')
    const verdict = await unlessUnknown(deps, deps.documents.put(key, item, Number(now?.ver)))
`,
  },
  {
    name: 'join-without-a-version',
    rule: '§9: a join raises the version, so that who completes the rebalance sees it',
    file: 'shared/core/group/membership-join.ts',
    find: `    copyPlus(['ver'], ['ver'], 1),
  ]
  if (instance`,
    replace: `  ]
  if (instance`,
  },
  {
    name: 'expiry-of-any-version',
    rule: '§9: expiry deletes a member at the version that it read',
    file: 'shared/service/group-store.ts',
    find: "member.memberId), [equal(['ver'], version)]),\n",
    replace: 'member.memberId), []),\n',
  },
  {
    name: 'heartbeat-without-a-version',
    rule: '§9: a heartbeat raises the version of its member, which an expiry checks',
    file: 'shared/core/group/membership-sync.ts',
    find: `  copyPlus(['expiresAtMs'], ['sessionTimeoutMs'], nowMs),
  copyPlus(['ver'], ['ver'], 1),
`,
    replace: `  copyPlus(['expiresAtMs'], ['sessionTimeoutMs'], nowMs),
`,
  },
  {
    name: 'assignment-before-stable',
    rule: '§9: sync answers only when the group is Stable',
    file: 'shared/core/group/membership-sync.ts',
    find: "  return command.memberId === group.leader ? 'assign' : 'wait'\n",
    replace: "  return command.memberId === group.leader ? 'assign' : 'answer'\n",
  },
  {
    name: 'assigned-twice-in-a-generation',
    rule: '§9, I11: the first assignment of a generation holds',
    file: 'shared/core/group/membership-sync.ts',
    find: "    checks: [present(['memberId']), less(['assignedGeneration'], generationId)],\n",
    replace: "    checks: [present(['memberId']), lessOrEqual(['assignedGeneration'], generationId)],\n",
  },
  {
    name: 'former-member-keeps-its-name',
    rule: '▲ §9: a static member that is back takes its name in instances',
    file: 'shared/core/group/membership-static.ts',
    find: '      groupInstanceId === undefined ? group.instances : { ...group.instances, [groupInstanceId]: memberId },\n',
    replace: '      groupInstanceId === undefined ? group.instances : { ...group.instances },\n',
  },
  {
    name: 'former-member-not-fenced',
    rule: '▲ §9: a static member that is back in a stable group is answered after the fences have its id',
    file: 'shared/service/group-join.ts',
    find: "  if (after.group.state === 'Stable') await raiseFence(deps, groupId, fenceOf(after))\n",
    replace: '',
  },
  {
    name: 'return-amid-completion-goes-on',
    rule: '▲ §9: a static member that is back while a generation completes makes it begin anew',
    file: 'shared/core/group/membership-static.ts',
    find: "    group.state === 'Stable' && selectProtocol",
    replace: "    (group.state === 'Stable' || group.state === 'CompletingRebalance') && selectProtocol",
  },
  {
    name: 'emptied-in-the-old-generation',
    rule: '§9, I3: a group that is emptied begins a generation',
    file: 'shared/core/group/membership-rebalance.ts',
    find: '  return { ...NEW_GROUP, bornAtMs, generationId: generationId + 1, protocolType, emptySinceMs: nowMs }\n',
    replace: '  return { ...NEW_GROUP, bornAtMs, generationId, protocolType, emptySinceMs: nowMs }\n',
  },
  {
    name: 'dead-group-forgets-its-generation',
    rule: '▲ §9: a group that is deleted keeps its generation until it is gone',
    file: 'shared/service/delete-groups.ts',
    find: "encodeGroup({ ...group, state: 'Dead' }",
    replace: "encodeGroup({ ...group, generationId: 0, state: 'Dead' }",
  },
  {
    name: 'group-deleted-with-members',
    rule: '§9: only a group without members is deleted',
    file: 'shared/service/delete-groups.ts',
    find: "    if (group.state !== 'Empty' || !mayGo(group)) return undefined\n",
    replace: "    if (group.state === 'Dead' || !mayGo(group)) return undefined\n",
  },
  {
    name: 'deletion-of-a-later-group',
    rule: '▲ §9: what a deletion removes it removes while META is Dead',
    file: 'shared/service/delete-groups.ts',
    find: "    { action: 'check', key: groupMetaKey(groupId), checks: [equal(['state'], 'Dead')] },\n    ...deletes,\n",
    replace: '    ...deletes,\n',
  },
  {
    name: 'offsets-of-a-deleted-topic',
    rule: '▲ §9: offsets of a topic that is no more are not served',
    file: 'shared/service/offset-fetch.ts',
    find: '  if (ofRemembered !== undefined && topic.topicId === remembered) return',
    replace: '  if (ofRemembered !== undefined) return',
  },
  {
    name: 'offsets-of-a-deleted-topic-among-all',
    rule: '▲ §9: offsets of a topic that is no more are not among all that a group committed',
    file: 'shared/service/offset-fetch.ts',
    find: '    const committed = stored.flatMap((one) => (one.topicId === topicId ? committedIn(one.document) : []))\n',
    replace: '    const committed = stored.flatMap((one) => committedIn(one.document))\n',
  },
  {
    name: 'offsets-deleted-though-subscribed',
    rule: 'KIP-496: offsets of a topic that a member is subscribed to are not deleted',
    file: 'shared/service/offset-delete.ts',
    find: "    if (subscribed === 'all' || subscribed.has(of.topicName)) {\n",
    replace: "    if (subscribed === 'all') {\n",
  },
  {
    name: 'offsets-fetched-eventually',
    rule: '§9: committed offsets come from a strong read',
    file: 'shared/service/offset-fetch.ts',
    find: "    deps.documents.get(key, 'strong'),\n",
    replace: "    deps.documents.get(key, 'eventual'),\n",
  },
  {
    name: 'members-never-expire',
    rule: '§9: members that nobody heard of are removed by whoever touches the group',
    file: 'shared/core/group/membership-rebalance.ts',
    find: "  if (nowMs >= group.nextExpiryCheckMs) return 'expire'\n",
    replace: '',
  },
  {
    name: 'waiting-member-not-heard-of',
    rule: '§9: who waits for a join or sync does not expire',
    file: 'shared/service/group-wait.ts',
    find: '    if (own !== undefined) own = await touchInTime(deps, groupId, own)\n',
    replace: '    own = undefined\n',
  },
  {
    name: 'groups-not-due',
    rule: '§9: META is due when a member may have expired, or offsets have',
    file: 'shared/service/due-work.ts',
    find: '  const groups = keys.flatMap(({ pk }) => groupOfPk(pk) ?? [])\n',
    replace: '  const groups = keys.flatMap(({ pk }) => (pk === undefined ? (groupOfPk(pk) ?? []) : []))\n',
  },
  {
    name: 'spilled-producer-not-rolled-back',
    rule: '▲ C8: a truncation rolls back the producers that left the head, too',
    file: 'shared/service/spilled-state.ts',
    find: '  if (lastBaseOffset < endOffset) return state\n',
    replace: '  if (endOffset >= -1) return state\n',
  },
]
