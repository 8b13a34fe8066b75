import { metadataRequest } from '../shared/protocol/api/metadata.ts'
import { metadata } from '../shared/service/metadata.ts'
import { api } from './handler.ts'

/** `POST /v1/metadata`: topics, their partitions and where these stand (Kafka's Metadata, API key 3). */
export const metadataFunction = api({ request: metadataRequest, run: metadata })
