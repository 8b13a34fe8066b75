import { offsetCommitRequest } from '../shared/protocol/api/group-offsets.ts'
import { offsetCommit } from '../shared/service/offset-commit.ts'
import { api } from './handler.ts'

/** `POST /v1/offset-commit`: offsets that a group has processed up to (Kafka's OffsetCommit, API key 8). */
export const offsetCommitFunction = api({ request: offsetCommitRequest, run: offsetCommit })
