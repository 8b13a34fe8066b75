import * as z from 'zod'
import { MAX_REQUEST_PARTITIONS } from '../limits.ts'

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

/** At most `most` rows; they are counted before any is looked at, since zod would report each of thousands of bad ones. */
export const rowsOf = <Row extends z.ZodType>(row: Row, most: number) =>
  z.array(z.unknown()).max(most).pipe(z.array(row))

/**
 * Topics of a request with what is asked of each partition, of which there are at most MAX_REQUEST_PARTITIONS in all. A
 * `topicId` sent along must be the topic's.
 */
export const topicsOf = <P extends z.ZodType>(partition: P) =>
  rowsOf(
    z.strictObject({
      name: z.string(),
      topicId: topicId.optional(),
      partitions: rowsOf(partition, MAX_REQUEST_PARTITIONS),
    }),
    MAX_REQUEST_PARTITIONS,
  ).refine(
    (topics) => topics.reduce((sum, topic) => sum + topic.partitions.length, 0) <= MAX_REQUEST_PARTITIONS,
    { message: `too many partitions in sum: at most ${MAX_REQUEST_PARTITIONS}` },
  )

/** Which reads an answer may be made of: 0 everything below the high watermark, 1 what committed. */
export const isolationLevel = z.union([z.literal(0), z.literal(1)]).default(0)

/** A topic of an answer: row i of `partitions` answers row i of the request. */
export interface TopicOf<P> {
  readonly name: string
  readonly topicId?: string
  readonly partitions: readonly P[]
}
