import {
  CreateSessionCommand,
  type CreateSessionCommandOutput,
  type S3ClientConfig,
} from '@aws-sdk/client-s3'
import { KafkaError } from '../protocol/kafka-error.ts'
import { LIMITS } from '../protocol/limits.ts'
import { withDeadline } from './deadline.ts'

type SessionProvider = NonNullable<S3ClientConfig['s3ExpressIdentityProvider']>
type Session = Awaited<ReturnType<SessionProvider['getS3ExpressIdentity']>>
type Send = (command: CreateSessionCommand, signal: AbortSignal) => Promise<CreateSessionCommandOutput>

/** A session of one bucket; `next` is the one that is to follow it, while that is asked for. */
interface Held {
  readonly session: Promise<Session>
  expiresAtMs: number
  next: Promise<void> | undefined
}

/** A session lasts 5 minutes; in its last one another is asked for, while calls go on with the old one. */
const REFRESH_MS = 60_000

/**
 * Sessions of directory buckets. In the SDK's own provider a refresh in the background that fails is an unhandled rejection,
 * which ends the process, and a first session that fails is kept: no later call gets another one. Here the refresh is
 * tried again by the next call, and a failure is not kept.
 */
export function sessionProvider(send: Send): SessionProvider {
  const buckets = new Map<string, Held>()
  let accessKeyId: string | undefined

  const begin = (bucket: string): Held => {
    const created = createSession(send, bucket)
    const held: Held = { session: created, expiresAtMs: Number.POSITIVE_INFINITY, next: undefined }
    buckets.set(bucket, held)
    created.then(
      ({ expiration }) => {
        held.expiresAtMs = expiration?.getTime() ?? 0
      },
      () => forget(bucket, held),
    )
    return held
  }
  const forget = (bucket: string, held: Held) => {
    if (buckets.get(bucket) === held) buckets.delete(bucket)
  }
  const refresh = (bucket: string, held: Held) => {
    held.next ??= createSession(send, bucket).then(
      (session) => {
        if (buckets.get(bucket) !== held) return
        const expiresAtMs = session.expiration?.getTime() ?? 0
        buckets.set(bucket, { session: Promise.resolve(session), expiresAtMs, next: undefined })
      },
      () => {
        held.next = undefined
      },
    )
  }

  return {
    getS3ExpressIdentity: (credentials, properties) => {
      if (credentials.accessKeyId !== accessKeyId) buckets.clear()
      accessKeyId = credentials.accessKeyId
      const bucket = properties.Bucket ?? ''
      const held = buckets.get(bucket)
      const nowMs = Date.now()
      if (held === undefined || held.expiresAtMs <= nowMs) return begin(bucket).session
      if (held.expiresAtMs <= nowMs + REFRESH_MS) refresh(bucket, held)
      return held.session
    },
  }
}

async function createSession(send: Send, bucket: string): Promise<Session> {
  const command = new CreateSessionCommand({ Bucket: bucket })
  const { Credentials: created } = await withDeadline(LIMITS.putTimeoutMs, (signal) => send(command, signal))
  if (!created?.AccessKeyId || !created.SecretAccessKey || !created.SessionToken) {
    throw new KafkaError('KAFKA_STORAGE_ERROR', `session without credentials bucket=${bucket}`)
  }
  return {
    accessKeyId: created.AccessKeyId,
    secretAccessKey: created.SecretAccessKey,
    sessionToken: created.SessionToken,
    ...(created.Expiration === undefined ? {} : { expiration: created.Expiration }),
  }
}
