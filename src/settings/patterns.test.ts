/** Which patterns an operator may name. */
import { describe, expect, it } from 'bun:test'
import { patterns } from './patterns.ts'

describe('patterns', () => {
  it('are a list, or JSON of one, or nothing', () => {
    expect(patterns(['a+', '(?i)hydra'])).toEqual(['a+', '(?i)hydra'])
    expect(patterns('["\\\\d{4}"]')).toEqual(['\\d{4}'])
    expect(patterns('')).toEqual([])
  })

  it('may be nested as they like: RE2 takes time in proportion to the text', () => {
    expect(patterns(['(a+)+$', '(x|x)*y'])).toHaveLength(2)
  })

  it.each([
    ['no list', 'hydra', 'as JSON'],
    ['a list of something else', [7], 'as JSON'],
    ['what RE2 cannot read', ['(a'], 'which number 1 is not'],
    ['what looks around', ['(?<=a)b'], 'which number 1 is not'],
    ['what refers back', ['x', '(a)\\1'], 'which number 2 is not'],
    ['what an empty text matches, and so every place', ['x*'], 'an empty text'],
    ['too long a pattern', ['x'.repeat(501)], 'at most 500 characters'],
    ['too many', Array.from({ length: 51 }, () => 'x'), 'at most 50 patterns'],
  ])('are not %s', (_what, input, sentence) => {
    expect(() => patterns(input)).toThrow(sentence)
  })
})
