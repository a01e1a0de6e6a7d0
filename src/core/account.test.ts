/** What an account's name may be. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { isAccountName } from './account.ts'

describe('isAccountName', () => {
  it.each(['work', 'a', 'me@example.com', 'team+1', 'A.b_c-9', 'x'.repeat(64)])('takes %s', (name) => {
    expect(isAccountName(name)).toBe(true)
  })

  it.each([
    ['nothing', ''],
    ['a leading hyphen, which a shell takes for an option', '-x'],
    ['a leading dot', '.hidden'],
    ['a space', 'my account'],
    ['a line end', 'a\nb'],
    ['a trailing line end', 'a\n'],
    ['a slash', 'a/b'],
    ['a letter beyond ASCII', 'größe'],
    ['65 characters', 'x'.repeat(65)],
  ])('refuses %s', (_what, name) => {
    expect(isAccountName(name)).toBe(false)
  })

  it('takes only what is safe in a header and in a command', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        if (isAccountName(name)) expect(name).toMatch(/^[\x21-\x7e]+$/)
      }),
    )
  })
})
