import { createTopicsRequest } from '../shared/protocol/api/topics.ts'
import { createTopics } from '../shared/service/create-topics.ts'
import { api } from './handler.ts'

/** `POST /v1/create-topics` (Kafka's CreateTopics, API key 19). */
export const createTopicsFunction = api({ request: createTopicsRequest, run: createTopics })
