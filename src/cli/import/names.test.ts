/** Names of other programs' accounts become valid ones, each its own. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { isAccountName } from '../../core/account.ts'
import { toNames } from './names.ts'

describe('names', () => {
  it.each([
    ['work', 'work'],
    ['me@example.com', 'me@example.com'],
    ['my account', 'my-account'],
    ['  Zoë’s  Größe ', 'Zoe-s-Gro-e'],
    ['_private', 'private'],
    ['a/b\\c\n', 'a-b-c'],
    ['账户', 'account'],
    ['', 'account'],
    ['x'.repeat(80), 'x'.repeat(64)],
  ])('make %j valid', (text, name) => expect(toNames([text])).toEqual([name]))

  it('that are valid stay, whatever stands before them', () => {
    expect(toNames(['my account', 'my-account', 'my  account'])).toEqual([
      'my-account-2',
      'my-account',
      'my-account-3',
    ])
  })

  it('are numbered within their longest length', () => {
    const long = 'x'.repeat(64)
    expect(toNames([long, long])).toEqual([long, `${'x'.repeat(62)}-2`])
  })

  it('are valid and unique, whatever they come from', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 80 }),
      fc.constantFrom('a', 'a b', 'a-b', ''),
    )
    fc.assert(
      fc.property(fc.array(text), (texts) => {
        const names = toNames(texts)
        expect(names).toHaveLength(texts.length)
        expect(names.every(isAccountName)).toBe(true)
        expect(new Set(names).size).toBe(names.length)
      }),
    )
  })
})
