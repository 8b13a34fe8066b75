import type { PageStart } from '../core/index-page.ts'
import { encodeName } from '../protocol/names.ts'
import type { Key, Range } from './document-store.ts'

/** Digits of a padded offset: a safe integer has 16, Kafka's log files use 20. */
const OFFSET_DIGITS = 20
const EPOCH_DIGITS = 10
/** Sort before and after every key made here. */
const FIRST = '!'
const LAST = '~'

const pad = (value: number, digits: number): string => String(value).padStart(digits, '0')

export const CLUSTER_META: Key = { pk: 'CLUSTER', sk: 'META' }

export const CONTROLLER: Key = { pk: 'CLUSTER', sk: 'CONTROLLER' }

/** Faults that a service for development makes its storage nodes have. */
export const DEV_FAULTS: Key = { pk: 'CLUSTER', sk: 'DEV#FAULTS' }

/** Topics by name. */
export const TOPICS = 'TOPICS'

export const nodeKey = (nodeId: number): Key => ({ pk: 'CLUSTER', sk: `NODE#${pad(nodeId, EPOCH_DIGITS)}` })
export const ALL_NODES: Range = { from: 'NODE#', to: `NODE#${LAST}` }

export const topicKey = (name: string): Key => ({ pk: TOPICS, sk: name })
/** The names after `name`, or all of them. */
export const topicsAfter = (name: string): Range => ({
  from: name === '' ? FIRST : `${name}${FIRST}`,
  to: LAST,
})

/** The partition key of everything one partition has. */
export const partitionPk = (topicId: string, partitionIndex: number): string =>
  `P#${topicId}#${partitionIndex}`
export const headKey = (topicId: string, partitionIndex: number): Key => ({
  pk: partitionPk(topicId, partitionIndex),
  sk: 'HEAD',
})
/** Every document of one partition key. */
export const EVERYTHING: Range = { from: FIRST, to: LAST }

export const pageKey = (pk: string, start: PageStart): Key => ({
  pk,
  sk: `PAGE#${pad(start.baseOffset, OFFSET_DIGITS)}#${pad(start.leaderEpoch, EPOCH_DIGITS)}`,
})
/** Pages that begin at or below `offset`. */
export const pagesUpTo = (offset: number): Range => ({
  from: 'PAGE#',
  to: `PAGE#${pad(offset, OFFSET_DIGITS)}#${LAST}`,
})
/** Pages that come before a page: up to its key with the last digit lowered by one, whatever may follow that. */
export const pagesBelow = ({ sk }: Key): Range => {
  const digit = sk.charCodeAt(sk.length - 1)
  return { from: 'PAGE#', to: `${sk.slice(0, -1)}${String.fromCharCode(digit - 1)}${LAST}` }
}
/** Pages that begin at or above `offset`. */
export const pagesFrom = (offset: number): Range => ({
  from: `PAGE#${pad(offset, OFFSET_DIGITS)}#`,
  to: `PAGE#${LAST}`,
})

export const producerStateKey = (pk: string, producer: string): Key => ({ pk, sk: `PID#${producer}` })

/** What the election of `leaderEpoch` truncated. */
export const lossKey = (pk: string, leaderEpoch: number): Key => ({
  pk,
  sk: `LOSS#${pad(leaderEpoch, EPOCH_DIGITS)}`,
})
export const ALL_LOSSES: Range = { from: 'LOSS#', to: `LOSS#${LAST}` }

/** The partition whose documents stand under `pk`; undefined when it is no partition's. */
export function partitionOfPk(pk: string): { topicId: string; partitionIndex: number } | undefined {
  const [prefix, topicId, index] = pk.split('#')
  if (prefix !== 'P' || topicId === undefined || index === undefined) return undefined
  return { topicId, partitionIndex: Number(index) }
}

/** Groups by name: a group whose META is there stands here, too. */
export const GROUPS = 'GROUPS'

/** Names that users chose freely stand percent-encoded: no separator and nothing outside of FIRST and LAST is in them. */
export const groupListKey = (groupId: string): Key => ({ pk: GROUPS, sk: encodeName(groupId) })
export const groupOfListKey = ({ sk }: Key): string => decodeURIComponent(sk)
/** The groups after `groupId` ('' for all of them), in the order of their encoded names. */
export const groupsAfter = (groupId: string): Range => ({
  from: groupId === '' ? FIRST : `${encodeName(groupId)}${FIRST}`,
  to: LAST,
})

/** The partition key of everything one group has. */
export const groupPk = (groupId: string): string => `G#${encodeName(groupId)}`
/** The group whose documents stand under `pk`; undefined when it is no group's. */
export const groupOfPk = (pk: string): string | undefined =>
  pk.startsWith('G#') ? decodeURIComponent(pk.slice(2)) : undefined
export const groupMetaKey = (groupId: string): Key => ({ pk: groupPk(groupId), sk: 'META' })
export const memberKey = (groupId: string, memberId: string): Key => ({
  pk: groupPk(groupId),
  sk: `MEMBER#${encodeName(memberId)}`,
})
export const ALL_MEMBERS: Range = { from: 'MEMBER#', to: `MEMBER#${LAST}` }

/** Partitions whose committed offsets share one document. */
const PARTITIONS_PER_OFFSETS = 50
export const offsetsKey = (groupId: string, topicId: string, partitionIndex: number): Key => ({
  pk: groupPk(groupId),
  sk: `OFFSETS#${topicId}#${Math.floor(partitionIndex / PARTITIONS_PER_OFFSETS)}`,
})
export const ALL_OFFSETS: Range = { from: 'OFFSETS#', to: `OFFSETS#${LAST}` }
/** The topic whose offsets stand under `sk`. */
export const topicOfOffsets = (sk: string): string => sk.split('#')[1] ?? ''

/** An object that is written to see whether a storage node can be. */
export const CANARY_OBJECT = 'canary'

/** The object that names a storage node's bucket: another one is another incarnation. */
export const INCARNATION_OBJECT = 'incarnation'
