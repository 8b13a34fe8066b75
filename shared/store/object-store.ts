/** Bytes `[start, end)` of an object; at least one. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/**
 * One storage node: a bucket in one zone, or a folder.
 *
 * Objects are immutable once written; keys are relative paths of `[A-Za-z0-9._-]` segments. Failures are KafkaErrors:
 * KAFKA_STORAGE_ERROR when the node did not do it or cannot be reached. An aborted or failed write may still land later;
 * that is harmless, since nothing refers to an object whose write was not confirmed.
 */
export interface ObjectStore {
  /** The bucket or folder, by which another node of the same kind copies from it. */
  readonly location: string

  /**
   * Stores the concatenation of `chunks`. Repeating it with the same bytes is harmless, once the attempt before has ended.
   * Rejects with KAFKA_STORAGE_ERROR once `signal` aborts.
   */
  put(key: string, chunks: readonly Uint8Array[], signal: AbortSignal): Promise<void>

  /**
   * Stores the object only if there is none: false when there was one, which stays as it is. Rejects with
   * KAFKA_STORAGE_ERROR once `signal` aborts.
   */
  putIfAbsent(key: string, chunks: readonly Uint8Array[], signal: AbortSignal): Promise<boolean>

  /** The object's bytes, or those of `range`; undefined when there is no such object or it ends before the range does. */
  get(key: string, range: ByteRange | undefined, signal: AbortSignal): Promise<Uint8Array | undefined>

  /**
   * Stores the object that the node at `location` has under the same key, without the bytes passing through here: false
   * when it has none. Repeating it is harmless. Rejects with KAFKA_STORAGE_ERROR once `signal` aborts.
   */
  copyFrom(location: string, key: string, signal: AbortSignal): Promise<boolean>
}
