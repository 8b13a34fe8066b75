/** Bounds of the HTTP doors that are not the protocol's own, each with its reason. */

/** Values of a /v1 body (100,000 records of key, value and timestamp are 400,000): checking as many bad ones takes 2 s and 500 MB. */
export const MAX_JSON_VALUES = 500_000
/**
 * Records of one REST request. The row of each in the answer is up to 90 bytes long: 4.5 MB, which a Lambda can still
 * return in its 6 MB. An answer that is too long would hide a write that happened.
 */
export const MAX_REST_RECORDS = 50_000
/** Fetches for one page of records when all that is found lies behind markers or was compacted away. */
export const MAX_PAGE_FETCHES = 16
/** What a record takes in a JSON answer besides its bytes: the names of its fields, and three numbers of up to 16 digits. */
export const JSON_RECORD_OVERHEAD_BYTES = 120
/** What one character of a record's header key takes in JSON at most: `\u0000`. */
export const JSON_CHARACTER_BYTES = 6
/** Headers of one record of a REST request: far more than anyone sends, far fewer than a batch may hold. */
export const MAX_RECORD_HEADERS = 10_000
