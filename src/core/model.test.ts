/** Model names: families of every spelling, and Claude Code's mark. */
import { describe, expect, it } from 'bun:test'
import { familyOf, withoutContextMark } from './model.ts'

describe('familyOf', () => {
  it.each([
    ['claude-sonnet-5-5', 'sonnet'],
    ['claude-3-5-sonnet-20241022', 'sonnet'],
    ['anthropic/claude-opus-5.5', 'opus'],
    ['us.anthropic.claude-haiku-4-5-20251001-v1:0', 'haiku'],
    ['Claude-Fable-5-2', 'fable'],
    ['claude-mythos-5', 'mythos'],
    ['glm-5', 'glm-5'],
    ['GPT-6', 'gpt-6'],
  ])('of %s is %s', (model, family) => {
    expect(familyOf(model)).toBe(family)
  })
})

describe('withoutContextMark', () => {
  it.each([
    ['claude-sonnet-5-5[1m]', 'claude-sonnet-5-5'],
    ['claude-sonnet-5-5', 'claude-sonnet-5-5'],
    ['claude-[1m]-x', 'claude-[1m]-x'],
    ['glm-5[1m]', 'glm-5[1m]'],
  ])('makes %s %s', (model, plain) => {
    expect(withoutContextMark(model)).toBe(plain)
  })
})
