import type { Key } from './history.ts'

/** One partition that a member commits; its token, which nobody else ever writes, stands in the metadata. */
export interface Commit {
  readonly token: string
  readonly group: string
  readonly key: Key
  /** `${topic}/${partition}`: what members are assigned. */
  readonly place: string
  readonly offset: number
  readonly leaderEpoch: number
  readonly generationId: number
  readonly memberId: string
  readonly instance: string | null
  /** Order of events in the whole run, as in all histories. */
  readonly invokedAt: number
  completedAt: number
  /** `fail` only if it had no effect and never will; `info`: nobody knows. */
  type: 'ok' | 'fail' | 'info'
}

/** What an offset-fetch said of one partition. */
export interface Fetched {
  readonly group: string
  /** Undefined where a name was asked for that may stand for any of several topics. */
  readonly key: Key | undefined
  /** '' where nothing is committed. */
  readonly token: string
  readonly offset: number
  readonly leaderEpoch: number
  /** The member that begins there; '' where nobody does. */
  readonly reader: string
  readonly invokedAt: number
  readonly completedAt: number
}

/** An assignment that a member was told of. */
export interface Assigned {
  readonly group: string
  readonly generationId: number
  readonly memberId: string
  readonly instance: string | null
  readonly places: readonly string[]
  readonly completedAt: number
}

/** Somebody deleted offsets and was told that they are gone. */
export interface Deleted {
  readonly group: string
  /** Undefined for the whole group. */
  readonly key: Key | undefined
  readonly invokedAt: number
  readonly completedAt: number
}

/** What the stores of a run say about an id: a group that was deleted and made again has another life. */
export interface Birth {
  readonly life: number
  readonly at: number
}

/** All that members and operators of groups did and saw, and what the stores say about when. */
export interface GroupHistory {
  readonly commits: Map<string, Commit>
  readonly fetches: Fetched[]
  readonly assigned: Assigned[]
  readonly deleted: Deleted[]
  /** Groups that somebody asked to delete, whatever came of it. */
  readonly deletesAsked: Set<string>
  /** By `${group}/${memberId}`. */
  readonly births: Map<string, readonly Birth[]>
  /** When a generation became stable, by `${group} ${life} ${generation}`. */
  readonly stableAt: Map<string, number>
  /** When each life of a group came to each of its generations. */
  readonly generations: (Birth & { readonly group: string; readonly generationId: number })[]
  /** When offsets of a group's key ceased to be there. */
  readonly removals: { readonly group: string; readonly key: Key; readonly at: number }[]
  /** Topics that are gone, and since when. */
  readonly goneTopics: Map<string, number>
}

/** Nothing yet. */
export function newGroupHistory(): GroupHistory {
  return {
    commits: new Map(),
    fetches: [],
    assigned: [],
    deleted: [],
    deletesAsked: new Set(),
    births: new Map(),
    stableAt: new Map(),
    generations: [],
    removals: [],
    goneTopics: new Map(),
  }
}
