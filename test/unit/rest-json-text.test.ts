import { expect, test } from 'vitest'
import { compactJson, elementsOf, parseKeepingDigits } from '../../functions/json-text.ts'

test.each([
  { name: 'an integer beyond 2^53', text: '12345678901234567890123' },
  { name: 'a fraction with zeros at its end', text: '1.50' },
  { name: 'an exponent', text: '1E+3' },
  { name: 'negative zero', text: '-0' },
  { name: 'more digits than a double has', text: '0.12345678901234567890' },
  { name: 'a number in a list in an object', text: '{"a":[1.0,{"b":2.00}]}' },
  { name: 'a field named __proto__', text: '{"__proto__":1.0}' },
  { name: 'a number beyond every double', text: '1e999' },
  { name: 'a text', text: '"k"' },
  { name: 'a text that looks like a number', text: '"1.50"' },
])('keeps $name as it was sent', ({ text }) => {
  expect(Buffer.from(compactJson(parseKeepingDigits(text))).toString()).toBe(text)
})

test('makes the text compact', () => {
  expect(Buffer.from(compactJson(parseKeepingDigits('{ "a" : [ 1 , 2.50 ] }'))).toString()).toBe(
    '{"a":[1,2.50]}',
  )
})

test.each([
  { name: 'values of every kind', text: '[1,"a",null,true,{"b":[1,2]},[3,[4]]]' },
  { name: 'no values', text: '[]' },
  { name: 'space everywhere', text: ' [ 1 ,\n"a b" ,\t{ "c" : 1 } ] \r\n' },
  { name: 'brackets, commas and quotes in texts', text: '["[,]","{\\"a\\"}","\\\\",",]"]' },
  { name: 'a text that ends with a backslash', text: '["a\\\\","b"]' },
  { name: 'characters of several bytes', text: '["ä","日本","😀"]' },
])('cuts an array of $name into the elements that JSON.parse sees', ({ text }) => {
  const elements = elementsOf(Buffer.from(text)).map((bytes) => Buffer.from(bytes).toString())
  expect(elements.map((element) => JSON.parse(element))).toEqual(JSON.parse(text))
  for (const element of elements) expect(element).toBe(element.trim())
})
