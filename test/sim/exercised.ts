/** What a sweep must have met to be worth anything: name, and the counters of a run that it sums up. */
const ROWS: readonly (readonly [string, readonly string[]])[] = [
  ['request lost', ['F1 request lost']],
  ['answer lost', ['F2 answer lost']],
  ['applied late', ['F3 applied late']],
  ['executed twice', ['F4 executed twice']],
  ['throttled', ['F5 throttled']],
  ['read failed', ['read fails']],
  ['process crashed', ['F6 crash', 'F6 background crash']],
  ['process frozen', ['F7 freeze', 'F7 background freeze']],
  ['background task doubled', ['F8 task doubled']],
  ['background task lost', ['F9 task lost']],
  ['node failed', ['node fails']],
  ['node hung', ['node hangs']],
  ['node cut off from one process', ['node cut off from one']],
  ['node wiped', ['F11 node wiped']],
  ['stale read', ['F12 stale read']],
  ['stale index', ['F12 stale index']],
  ['corrupt or short bytes', ['F15 corrupt or short bytes']],
  ['object call or answer lost', ['object call lost', 'object answer lost']],
  ['fences', ['fences']],
  ['elections', ['elections']],
  ['truncations', ['truncations']],
  ['unclean elections', ['unclean elections']],
  ['leader moves', ['leader moves']],
  ['ISR shrinks', ['ISR shrinks']],
  ['ISR grows', ['ISR grows']],
  ['joins', ['joins']],
  ['holes opened', ['holes opened']],
  ['replicas replaced', ['replicas replaced']],
  ['min.insync.replicas changed', ['minIsr changed']],
  ['handlers thawed after an election', ['F7 thaw after an election']],
  ['clock off', ['F13 clock is off']],
  ['clock jumped', ['F13 clock jumps']],
  ['node wiped while it is filled', ['node wiped while it is filled']],
  ['node wiped while it leads', ['node wiped while it leads']],
  ['node wiped beyond the promise', ['node wiped beyond the promise']],
  ['lost objects', ['lost objects']],
  ['damaged objects', ['damaged objects']],
  ['lost objects met', ['lost objects met']],
  ['lost objects back', ['lost objects back']],
  ['copies given up', ['log: a replica lost copies']],
  ['corrupt or short object', ['F15 corrupt or short object']],
  ['put-if-absent met another', ['F16 put-if-absent met another']],
  ['topics created', ['topics created']],
  ['topics deleted', ['topics deleted']],
  ['topics made anew', ['topics made anew']],
  ['partitions added', ['partitions added']],
  ['configs altered', ['alter configs ok']],
  ['topic unknown to a client', ['topic unknown']],
  ['preferred leaders asked for', ['preferred elections']],
  ['unclean elections asked for', ['unclean elections asked for']],
  ['late retries', ['late retry']],
  ['late retries of sequence 0', ['late retry of sequence 0']],
  ['batches in flight together', ['batches in flight together']],
  ['out of order in flight', ['out of order in flight']],
  ['producer epochs bumped', ['producer epochs bumped']],
  ['crowds of producers', ['crowd of producers']],
  ['producers restarted', ['producer restarts']],
  ['producers spilled', ['producers spilled']],
  ['tails paged', ['tails trimmed']],
  ['ambiguous answers', ['send info']],
  ['sends that came through amid faults', ['send ok amid faults']],
  ['polls that came through amid faults', ['poll ok amid faults']],
  ['sends that came through once healed', ['send ok once healed']],
  ['refusals', ['send fail']],
  ['members joined', ['group: new members']],
  ['members crashed', ['group: member crashed']],
  ['members frozen', ['group: member frozen']],
  ['members left', ['group: member left']],
  ['members expired', ['log: members of a group expired']],
  ['rebalances prepared', ['group: PreparingRebalance']],
  ['rebalances begun anew', ['group: begun anew']],
  ['generations', ['group: generations']],
  ['generations assigned again', ['group: assigned again']],
  ['groups emptied', ['group: Empty']],
  ['cooperative revocations', ['group: revoked cooperatively']],
  ['static members beside their former selves', ['group: static member doubled']],
  ['static members replaced while stable', ['group: static member replaced in Stable']],
  [
    'static members replaced amid a rebalance',
    [
      'group: static member replaced in PreparingRebalance',
      'group: static member replaced in CompletingRebalance',
    ],
  ],
  ['static members removed by name', ['group: static member removed']],
  ['static members fenced', ['group: member fenced']],
  ['commits of members', ['group: commit of a member']],
  ['commits of no member', ['group: commit of no member']],
  ['commits that nobody knows about', ['group: commit REQUEST_TIMED_OUT', 'group: commit NO_ANSWER']],
  ['commits that create a document', ['group: offsets created']],
  ['commits refused by the fence', ['group: fence refused']],
  ['commits of zombies', ['group: zombies']],
  [
    'commits of zombies refused',
    [
      'group: commit UNKNOWN_MEMBER_ID',
      'group: commit ILLEGAL_GENERATION',
      'group: commit FENCED_INSTANCE_ID',
    ],
  ],
  ['commits amid a rebalance', ['group: commit REBALANCE_IN_PROGRESS']],
  ['fences raised', ['group: fence raised']],
  ['offsets of a deleted topic dropped', ['group: offsets of a deleted topic dropped']],
  ['offsets deleted', ['group: offset-delete ok']],
  ['offsets of subscribed topics kept', ['group: offset-delete GROUP_SUBSCRIBED_TO_TOPIC']],
  ['offsets expired', ['group: expired']],
  ['groups deleted', ['group: delete ok']],
  ['groups with members not deleted', ['group: delete NON_EMPTY_GROUP']],
  ['groups made anew', ['group: made anew']],
  ['groups described', ['group: described Stable']],
  ['groups listed', ['group: listed']],
]

/** What befalls calls, processes and nodes: the names that counters of faults begin with. */
const FAULTS = /^(F\d+ |read fails|object |node (fails|hangs|cut off))/

/** How many faults there were. */
export function faultsOf(exercised: Readonly<Record<string, number>>): number {
  return Object.entries(exercised).reduce((sum, [what, count]) => sum + (FAULTS.test(what) ? count : 0), 0)
}

/** A row of the table: seeds in which it came about, and how often in all. */
export interface ExercisedRow {
  readonly what: string
  readonly seeds: number
  readonly times: number
}

/** Sums up runs. */
export function newTally() {
  const seeds = new Map<string, number>()
  const times = new Map<string, number>()
  return {
    add(exercised: Readonly<Record<string, number>>): void {
      for (const [what, counters] of ROWS) {
        const count = counters.reduce((sum, counter) => sum + (exercised[counter] ?? 0), 0)
        if (count > 0) seeds.set(what, (seeds.get(what) ?? 0) + 1)
        times.set(what, (times.get(what) ?? 0) + count)
      }
    },
    rows(): readonly ExercisedRow[] {
      return ROWS.map(([what]) => ({ what, seeds: seeds.get(what) ?? 0, times: times.get(what) ?? 0 }))
    },
  }
}
