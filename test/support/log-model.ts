import type { ErrorName } from '../../shared/protocol/error-table.ts'

/** A batch as the model knows it. */
export interface ModelBatch {
  readonly baseOffset: number
  readonly timestamps: readonly number[]
  readonly value: string
  readonly bytes: number
  readonly sequence: ModelSequence | undefined
}

export interface ModelSequence {
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
}

/** A partition as Kafka describes it: a list of batches, and where each producer stands. */
export interface LogModel {
  readonly batches: ModelBatch[]
  readonly producers: Map<number, { producerEpoch: number; nextSequence: number }>
}

const SEQUENCES = 2 ** 31

/** A log in which the producers in `known` stand where it says. */
export function newLogModel(known: LogModel['producers'] = new Map()): LogModel {
  return { batches: [], producers: new Map(known) }
}

/** The offset after the last record. */
export function endOf({ batches }: LogModel): number {
  const last = batches.at(-1)
  return last === undefined ? 0 : last.baseOffset + last.timestamps.length
}

/** Appends a batch if its sequence allows it; what is to be answered. */
export function modelProduce(
  model: LogModel,
  batch: Omit<ModelBatch, 'baseOffset'>,
): { baseOffset: number; errorName: ErrorName | undefined } {
  const { sequence } = batch
  const recordCount = batch.timestamps.length
  if (sequence !== undefined) {
    const { producerId, producerEpoch, baseSequence } = sequence
    const known = model.producers.get(producerId)
    if (known !== undefined && producerEpoch < known.producerEpoch) return failed('INVALID_PRODUCER_EPOCH')
    const isNewEpoch = known === undefined || producerEpoch > known.producerEpoch
    const expected = isNewEpoch ? 0 : known.nextSequence
    if (baseSequence !== expected) {
      const behind = (expected - baseSequence + SEQUENCES) % SEQUENCES
      if (isNewEpoch || behind > SEQUENCES / 2 || behind < recordCount)
        return failed('OUT_OF_ORDER_SEQUENCE_NUMBER')
      const original = model.batches.findLast(
        (other) =>
          JSON.stringify(other.sequence) === JSON.stringify(sequence) &&
          other.timestamps.length === recordCount,
      )
      return original === undefined
        ? failed('DUPLICATE_SEQUENCE_NUMBER')
        : { baseOffset: original.baseOffset, errorName: undefined }
    }
    model.producers.set(producerId, { producerEpoch, nextSequence: (baseSequence + recordCount) % SEQUENCES })
  }
  const baseOffset = endOf(model)
  model.batches.push({ ...batch, baseOffset })
  return { baseOffset, errorName: undefined }
}

/** The batches that a fetch gives: whole ones from the one that holds the offset, as many as fit, at least one. */
export function modelFetch(
  { batches }: LogModel,
  fetchOffset: number,
  maxBytes: number,
): readonly ModelBatch[] {
  const taken: ModelBatch[] = []
  let bytes = 0
  for (const batch of batches) {
    if (batch.baseOffset + batch.timestamps.length <= fetchOffset) continue
    bytes += batch.bytes
    if (taken.length > 0 && bytes > maxBytes) break
    taken.push(batch)
  }
  return taken
}

/** Offset and timestamp of the first record at or after a time (−3: of the first latest one). */
export function modelList({ batches }: LogModel, timestamp: number): { offset: number; timestamp: number } {
  const records = batches.flatMap(({ baseOffset, timestamps }) =>
    timestamps.map((time, index) => ({ offset: baseOffset + index, timestamp: time })),
  )
  const wanted = timestamp === -3 ? Math.max(...records.map((record) => record.timestamp)) : timestamp
  return records.find((record) => record.timestamp >= wanted) ?? { offset: -1, timestamp: -1 }
}

function failed(errorName: ErrorName): { baseOffset: number; errorName: ErrorName } {
  return { baseOffset: -1, errorName }
}
