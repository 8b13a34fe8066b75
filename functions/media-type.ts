import { KafkaError } from '../shared/protocol/kafka-error.ts'

/** Record batches as bytes behind a JSON header: shared/protocol/frame.ts. */
export const FRAME_TYPE = 'application/vnd.stratolog.frame'
export const JSON_TYPE = 'application/json'
export const NDJSON_TYPE = 'application/x-ndjson'

/** How keys and values stand in a REST body: as JSON, or as base64 of bytes. */
export type EmbeddedFormat = 'json' | 'binary'

const EMBEDDED_TYPE = /^application\/vnd\.kafka(?:\.(json|binary))?(?:\.v[12])?\+json$/

/**
 * The media type of a body, without its parameters, in lower case.
 *
 * @throws KafkaError INVALID_REQUEST (415) when there is none, or its charset is not UTF-8
 */
export function contentTypeOf(headers: Readonly<Record<string, string>>): string {
  const [type = '', ...parameters] = (headers['content-type'] ?? '').split(';')
  for (const parameter of parameters) {
    const [name = '', value = ''] = parameter.split('=')
    const charset = value.trim().replaceAll('"', '').toLowerCase()
    if (name.trim().toLowerCase() === 'charset' && !['utf-8', 'utf8', 'us-ascii'].includes(charset)) {
      throw unsupportedMediaType(`charset must be utf-8`)
    }
  }
  return type.trim().toLowerCase()
}

/** The embedded format that `mediaType` names; the generic types mean json. Undefined for a type that is not taken. */
export function embeddedFormat(mediaType: string): EmbeddedFormat | undefined {
  if (mediaType === JSON_TYPE || mediaType === '*/*' || mediaType === 'application/*') return 'json'
  const match = EMBEDDED_TYPE.exec(mediaType)
  if (match === null) return undefined
  return match[1] === 'binary' ? 'binary' : 'json'
}

/** The types of an Accept header, most wanted first; what has weight 0 is not wanted. */
export function acceptedTypes(accept: string | undefined): readonly string[] {
  const types = (accept ?? '*/*').split(',').map((entry) => {
    const [type = '', ...parameters] = entry.split(';').map((part) => part.trim().toLowerCase())
    const weight = parameters.find((parameter) => parameter.startsWith('q='))
    return { type, weight: weight === undefined ? 1 : Number(weight.slice(2)) }
  })
  return types
    .filter(({ type, weight }) => type !== '' && weight > 0)
    .sort((a, b) => b.weight - a.weight)
    .map(({ type }) => type)
}

/** 415, which says what is taken instead. */
export function unsupportedMediaType(message: string): KafkaError {
  return new KafkaError('INVALID_REQUEST', message, { restCode: 415 })
}
