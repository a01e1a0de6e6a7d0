/** Looking values up in header pairs, as often as a field stands there. */
import { describe, expect, it } from 'bun:test'
import { type Headers, headerOf, headersOf } from './headers.ts'

const headers: Headers = [
  ['anthropic-beta', 'one'],
  ['x-app', 'cli'],
  ['anthropic-beta', 'two'],
]

describe('headerOf', () => {
  it('gives the first value', () => expect(headerOf(headers, 'anthropic-beta')).toBe('one'))
  it('gives nothing for a field that is not there', () => expect(headerOf(headers, 'x')).toBeUndefined())
})

describe('headersOf', () => {
  it('gives every value in the order of the wire', () => {
    expect(headersOf(headers, 'anthropic-beta')).toEqual(['one', 'two'])
  })
  it('gives none for a field that is not there', () => expect(headersOf(headers, 'x')).toEqual([]))
})
