/** Bounds of the HTTP doors that are not the protocol's own, each with its reason. */

/** Values of a /v1 body (100,000 records of key, value and timestamp are 400,000): checking as many bad ones takes 2 s and 500 MB. */
export const MAX_JSON_VALUES = 500_000
/** Records of one REST request: each has a row of about 60 bytes in the answer, which a Lambda must return in 6 MB. */
export const MAX_REST_RECORDS = 100_000
/** Fetches for one page of records when all that is found lies behind markers or was compacted away. */
export const MAX_PAGE_FETCHES = 16
/** What a record costs in a JSON answer besides its bytes, so that many small ones do not fill the memory. */
export const JSON_RECORD_OVERHEAD_BYTES = 64
/** Headers of one record of a REST request: far more than anyone sends, far fewer than a batch may hold. */
export const MAX_RECORD_HEADERS = 10_000
