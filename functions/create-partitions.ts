import { createPartitionsRequest } from '../shared/protocol/api/topics.ts'
import { createPartitions } from '../shared/service/create-partitions.ts'
import { api } from './handler.ts'

/** `POST /v1/create-partitions`: gives topics more partitions (Kafka's CreatePartitions, API key 37). */
export const createPartitionsFunction = api({ request: createPartitionsRequest, run: createPartitions })
