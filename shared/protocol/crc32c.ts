/**
 * CRC-32C (Castagnoli, polynomial 0x1edc6f41) of `bytes[start, end)`, as an unsigned 32-bit number.
 *
 * This is the checksum of a record batch (KIP-98); `zlib.crc32` is another polynomial. Eight bytes are taken per
 * step ("slicing-by-8", Kounavis and Berry 2005), which is ten times faster than one table.
 */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let crc = -1
  let position = start
  for (; position + 8 <= end; position += 8) {
    const low = crc ^ view.getInt32(position, true)
    const high = view.getInt32(position + 4, true)
    crc =
      at(TABLE_7, low & 0xff) ^
      at(TABLE_6, (low >>> 8) & 0xff) ^
      at(TABLE_5, (low >>> 16) & 0xff) ^
      at(TABLE_4, low >>> 24) ^
      at(TABLE_3, high & 0xff) ^
      at(TABLE_2, (high >>> 8) & 0xff) ^
      at(TABLE_1, (high >>> 16) & 0xff) ^
      at(TABLE_0, high >>> 24)
  }
  for (; position < end; position += 1) {
    crc = at(TABLE_0, (crc ^ view.getUint8(position)) & 0xff) ^ (crc >>> 8)
  }
  return ~crc >>> 0
}

/** The polynomial with its bits reversed: the lowest bit is the one that leaves first. */
const POLYNOMIAL = 0x82f63b78

const TABLE_0 = firstTable()
const TABLE_1 = tableAfter(TABLE_0)
const TABLE_2 = tableAfter(TABLE_1)
const TABLE_3 = tableAfter(TABLE_2)
const TABLE_4 = tableAfter(TABLE_3)
const TABLE_5 = tableAfter(TABLE_4)
const TABLE_6 = tableAfter(TABLE_5)
const TABLE_7 = tableAfter(TABLE_6)

/** Entry n is what byte n leaves behind when it is the last one. */
function firstTable(): Int32Array {
  const table = new Int32Array(256)
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    table[byte] = crc
  }
  return table
}

/** Entry n is what byte n leaves behind when one more zero byte follows than in `table`. */
function tableAfter(table: Int32Array): Int32Array {
  return table.map((crc) => (crc >>> 8) ^ at(TABLE_0, crc & 0xff))
}

/** Every index above is a byte; the compiler inlines this. */
function at(table: Int32Array, byte: number): number {
  return table[byte] as number
}
