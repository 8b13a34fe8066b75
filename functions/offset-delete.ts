import { offsetDeleteRequest } from '../shared/protocol/api/group-offsets.ts'
import { offsetDelete } from '../shared/service/offset-delete.ts'
import { api } from './handler.ts'

/** `POST /v1/offset-delete`: removes committed offsets (Kafka's OffsetDelete, API key 47). */
export const offsetDeleteFunction = api({ request: offsetDeleteRequest, run: offsetDelete })
