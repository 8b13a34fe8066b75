import type { Head } from './head.ts'

/** Log end offset of a replica: the contiguous part of the log that it has. */
export function logEndOf(head: Head, replica: string): number {
  const holeStart = head.holeStart[replica]
  return holeStart === undefined ? head.logEndOffset : Math.max(holeStart, head.sealedEnd)
}

/** The replicas of the ISR and those that join which lack something that can be copied: it does not grow any more. */
export function replicasToFill(head: Head): readonly string[] {
  return [...head.isr, ...head.joining].filter((replica) => head.holeEnd[replica] !== undefined)
}

/** The replicas that are neither in sync nor joining: what they lack grows with every append. */
export function outsiders(head: Head): readonly string[] {
  return head.replicas.filter((replica) => !head.isr.includes(replica) && !head.joining.includes(replica))
}
