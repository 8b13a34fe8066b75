import { documentStoreContract } from '../contract/document-store.contract.ts'
import { memoryDocuments } from './memory-documents.ts'

documentStoreContract('documents of the simulation', async () => memoryDocuments())
