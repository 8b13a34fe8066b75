import type { PlantedBug } from './bugs.ts'

/** A bug that no seed shows so far. */
export interface UnseenBug extends PlantedBug {
  /**
   * `shown by exploration: …`: the scenario with which explore-planted.ts finds it. `covered by …`: the rule that keeps it
   * from doing harm. `not shown yet: …`: nothing here would notice it, and what that would take.
   */
  readonly because: string
}

/** Rules that are kept though the simulation does not miss them. */
export const UNSEEN: readonly UnseenBug[] = [
  {
    name: 'success-without-lineage',
    rule: '▲ C2: success only from a head whose lineage has the batch',
    file: 'shared/core/head.ts',
    find: `  return head.highWatermark >= batch.endOffset && isValid(batch, head.lineage)
`,
    replace: `  return head.highWatermark >= batch.endOffset
`,
    because: 'shown by exploration: C2',
  },
  {
    name: 'elected-without-a-look-at-its-bucket',
    rule: '▲ C10: every election reads the incarnation objects first',
    file: 'shared/service/reconcile-partition.ts',
    find: `      if (!(await haveTheirBuckets(control, step.election.isr))) return 'again'
`,
    replace: '',
    because:
      'not shown yet: who is elected on a wiped bucket is found out, and what it lacks is on others while one bucket is lost at a time',
  },
  {
    name: 'election-of-any-partition-epoch',
    rule: '▲ §6: electLeader checks that the partition epoch is as read',
    file: 'shared/core/election.ts',
    find: `      absent(['leader']),
      equal(['partitionEpoch'], head.partitionEpoch),
`,
    replace: `      absent(['leader']),
`,
    because:
      "covered by the controller epoch: between fence and election only controllers change members, and an older one's election is refused",
  },
  {
    name: 'planned-move-with-a-hole',
    rule: '▲ C13: leadership is only moved to a replica without a hole',
    file: 'shared/core/election.ts',
    find: `      absent(['holeStart', successor]),
    ],`,
    replace: '    ],',
    because: 'shown by exploration: C13',
  },
  {
    name: 'due-settled-over-new-work',
    rule: 'H19: what became due meanwhile refuses settleDue',
    file: 'shared/core/isr-commands.ts',
    find: `    ...ofEpochs(head),
    head.dueAtMs === undefined ? absent(['dueAtMs']) : equal(['dueAtMs'], head.dueAtMs),
    // Two causes within one millisecond look the same.
    ...(Object.keys(head.holeStart).length === 0 ? [fewer(['holeStart'], 1)] : []),
`,
    replace: `    equal(['leaderEpoch'], head.leaderEpoch),
`,
    because: 'not shown yet: what is put off so is found by the next append or report',
  },
  {
    name: 'copies-for-any-incarnation',
    rule: '▲ C10: copies count only for the incarnation under which they began',
    file: 'shared/service/fill-holes.ts',
    find: `    await requireIncarnation(deps, replica)
`,
    replace: '',
    because:
      'covered by replica names: what is copied to a wiped bucket counts for the old name only, which no head keeps',
  },
  {
    name: 'producer-document-before-the-head',
    rule: '▲ C17: the head is read before the document of the producer',
    file: 'shared/service/append-batch.ts',
    find: `  const refusal = appending.head === head ? judged.value : await judgeUnknownProducer(appending)
`,
    replace: `  const refusal = judged.value
`,
    because:
      'not shown yet: the head must change while the batch is copied, and its producer come and go meanwhile',
  },
  {
    name: 'eviction-not-fenced',
    rule: '▲ C17: re-admission checks maxEvictedOffset',
    file: 'shared/core/head-commands.ts',
    find: `      less(['maxEvictedOffset'], head.logEndOffset),
`,
    replace: '',
    because:
      'not shown yet: C17 showed it while a producer was spilled at the first look; who makes room now looks again before it writes',
  },
  {
    name: 'uncommitted-producer-evicted',
    rule: '▲ C5: no producer leaves the head whose last batch may be truncated',
    file: 'shared/core/head-answer.ts',
    find: `      lastBaseOffset < head.highWatermark &&
      !inTail.has(lastBaseOffset) &&
`,
    replace: '',
    because: 'covered by spillProducer, which checks that the last batch is below the high watermark',
  },
  {
    name: 'reference-not-sought-in-pages',
    rule: '▲ C4: a reference is sought in the head, then in pages',
    file: 'shared/service/append-attempt.ts',
    find: `  if (batch === undefined) throw error
`,
    replace: `  if (batch === undefined) throw new KafkaError('KAFKA_STORAGE_ERROR', 'append was not applied')
`,
    because: 'covered by the refusal in doubt: what is not found is answered with an unknown effect',
  },
  {
    name: 'topic-of-any-buckets',
    rule: 'a topic comes to be only for the buckets that its heads know',
    file: 'shared/service/store-topic.ts',
    find: '  const { applied } = await deps.documents.transact([put, ...bucketsOf(nodes)])\n',
    replace: '  const { applied } = await deps.documents.transact([put])\n',
    because:
      'not shown yet: of thousands of seeds one showed it, which the draws have left; service-new-heads.test.ts does',
  },
  {
    name: 'reported-copy-not-looked-at',
    rule: 'a copy is given up only when the controller misses it, too',
    file: 'shared/service/lost-copies.ts',
    find: '    if (isBad !== true) return isBad === false\n',
    replace: '',
    because:
      'not shown yet: of thousands of seeds two showed it, which the draws have left; service-lost-copies.test.ts does',
  },
  {
    name: 'fence-of-a-former-group',
    rule: '§9: a fence of a group is not raised in one that was made anew',
    file: 'shared/core/group/offsets.ts',
    find: "    checks: [equal(['fence', 'bornAtMs'], bornAtMs), lessOrEqual(['fence', 'groupVersion'], groupVersion)],\n",
    replace: "    checks: [lessOrEqual(['fence', 'groupVersion'], groupVersion)],\n",
    because:
      'covered by the versions of groups made anew, which begin with the time; service-group-fence.test.ts shows it',
  },
  {
    name: 'join-restarts-the-rebalance',
    rule: 'http-api §1: a repeated join with the same protocols restarts nothing',
    file: 'shared/core/group/membership-join.ts',
    find: "  if (isMember(group, memberId) && mayStay && counts) return { next: 'answer' }\n",
    replace: "  if (isMember(group, memberId) && !mayStay && counts) return { next: 'answer' }\n",
    because: 'not shown yet: it costs another rebalance, after which all is well; the transcripts show it',
  },
]
