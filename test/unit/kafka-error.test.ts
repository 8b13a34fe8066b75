import { expect, test } from 'vitest'
import { ERRORS, type ErrorName } from '../../shared/protocol/error-table.ts'
import { KafkaError } from '../../shared/protocol/kafka-error.ts'

test.each(Object.keys(ERRORS) as ErrorName[])('%s has the status of the table', (errorName) => {
  expect(new KafkaError(errorName, '').httpStatus).toBe(ERRORS[errorName].httpStatus)
})
