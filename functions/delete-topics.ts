import { deleteTopicsRequest } from '../shared/protocol/api/topics.ts'
import { deleteTopics } from '../shared/service/delete-topics.ts'
import { api } from './handler.ts'

/** `POST /v1/delete-topics` (Kafka's DeleteTopics, API key 20). */
export const deleteTopicsFunction = api({ request: deleteTopicsRequest, run: deleteTopics })
