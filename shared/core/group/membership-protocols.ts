import type { Member } from './group.ts'

/** The assignors that every one of these members offers. */
export function commonProtocolsOf(members: readonly Member[]): readonly string[] {
  const [first, ...others] = members
  if (first === undefined) return []
  const names = new Set(first.protocols.map(({ name }) => name))
  return [...names].filter((name) =>
    others.every(({ protocols }) => protocols.some((offered) => offered.name === name)),
  )
}

/**
 * The assignor of the next generation: each member votes for the one of `candidates` that it wants most, and the one with
 * the most votes is it (Kafka's `selectProtocol`; of several with as many, the first by name).
 */
export function selectProtocol(members: readonly Member[], candidates: readonly string[]): string {
  const votes = new Map<string, number>()
  for (const { protocols } of members) {
    const choice = protocols.find(({ name }) => candidates.includes(name))?.name
    if (choice !== undefined) votes.set(choice, (votes.get(choice) ?? 0) + 1)
  }
  const most = Math.max(0, ...votes.values())
  return [...votes].flatMap(([name, count]) => (count === most ? [name] : [])).sort()[0] ?? ''
}

/** What a member offers to the assignor of this name. */
export function metadataOf({ protocols }: Member, protocolName: string): string {
  return protocols.find(({ name }) => name === protocolName)?.metadata ?? ''
}
