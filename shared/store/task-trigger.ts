/** Work that nobody waits for. */
export type Task =
  /** A storage node failed, came back or lost its data, or a head waits for the controller. */
  | { readonly task: 'controller' }
  /** Replicas of one partition are to be given what they lack. */
  | {
      readonly task: 'catchUp'
      readonly topicName: string
      readonly topicId: string
      readonly partitionIndex: number
      /** How many tasks before this one asked for the next to go on with the same work. */
      readonly hops?: number | undefined
    }

/**
 * Starts background work. A trigger is a hint: it may be lost or doubled, and what it starts may fail. What must be done
 * stands in the index of due documents.
 */
export interface TaskTrigger {
  /** Resolves once the hint is given, which is before the work is done; never rejects. */
  trigger(task: Task): Promise<void>
}
