import * as z from 'zod'

/** A 32-bit count or index that is not negative. */
export const index = z
  .int()
  .min(0)
  .max(2 ** 31 - 1)
/** An offset, or a negative number with a meaning of its own. */
export const offset = z.int()
/** A leader epoch; −1 where the caller does not know it. */
export const leaderEpoch = z
  .int()
  .min(-1)
  .max(2 ** 31 - 1)
  .default(-1)
/** 22 characters of base64url: 16 bytes, as Kafka's `Uuid` prints them. */
export const topicId = z.string().regex(/^[A-Za-z0-9_-]{22}$/)

/** A topic of a request with what is asked of each partition. A `topicId` sent along must be the topic's. */
export const topicOf = <P extends z.ZodType>(partition: P) =>
  z.strictObject({ name: z.string(), topicId: topicId.optional(), partitions: z.array(partition) })

/** Which reads an answer may be made of: 0 everything below the high watermark, 1 what committed. */
export const isolationLevel = z.union([z.literal(0), z.literal(1)]).default(0)

/** A topic of an answer: row i of `partitions` answers row i of the request. */
export interface TopicOf<P> {
  readonly name: string
  readonly topicId?: string
  readonly partitions: readonly P[]
}
