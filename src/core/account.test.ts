/** What an account's name may be, and which model an account is asked for. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { isAccountName, servedModelOf } from './account.ts'

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

describe('servedModelOf', () => {
  it('is the model asked for where nothing is mapped', () => {
    expect(servedModelOf(mapping({}), 'claude-sonnet-5-5')).toBe('claude-sonnet-5-5')
  })

  it('is the mapped model', () => {
    expect(servedModelOf(mapping({ 'claude-sonnet-5-5': 'glm-5' }), 'claude-sonnet-5-5')).toBe('glm-5')
  })

  it('leaves Claude Code’s mark out, which the provider does not know', () => {
    expect(servedModelOf(mapping({}), 'claude-sonnet-5-5[1m]')).toBe('claude-sonnet-5-5')
  })

  it('maps a marked name by its own rule first', () => {
    const rules = mapping({ 'claude-sonnet-5-5[1m]': 'glm-5-long', 'claude-sonnet-5-5': 'glm-5' })
    expect(servedModelOf(rules, 'claude-sonnet-5-5[1m]')).toBe('glm-5-long')
  })

  it('maps a marked name like the plain one where no rule names the mark', () => {
    expect(servedModelOf(mapping({ 'claude-sonnet-5-5': 'glm-5' }), 'claude-sonnet-5-5[1m]')).toBe('glm-5')
  })
})

function mapping(rules: Readonly<Record<string, string>>) {
  return { modelMap: new Map(Object.entries(rules)) }
}
