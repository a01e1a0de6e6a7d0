/** Which models an account is asked for, and which it is not. */
import { describe, expect, it } from 'bun:test'
import { servedModelsOf, unservedReason } from './served.ts'

describe('the models that an account is asked for', () => {
  it.each<[string, Record<string, readonly string[]>, string, readonly string[]]>([
    ['the model itself where nothing is mapped', {}, 'claude-sonnet-5-5', ['claude-sonnet-5-5']],
    ['the mapped one', { 'claude-sonnet-5-5': ['glm-5'] }, 'claude-sonnet-5-5', ['glm-5']],
    ['several, best first', { opus: ['a', 'b'] }, 'claude-opus-5-5', ['a', 'b']],
    ['by the exact name before the family', { opus: ['a'], 'claude-opus-5': ['b'] }, 'claude-opus-5', ['b']],
    ['by the family before *', { '*': ['a'], opus: ['b'] }, 'claude-opus-5', ['b']],
    ['by * for whatever is left', { '*': ['a'], opus: ['b'] }, 'gpt-6', ['a']],
    ['without Claude Code’s mark', {}, 'claude-sonnet-5-5[1m]', ['claude-sonnet-5-5']],
    [
      'by the marked name first',
      { 'claude-sonnet-5-5[1m]': ['long'], sonnet: ['short'] },
      'claude-sonnet-5-5[1m]',
      ['long'],
    ],
    ['not by an empty entry', { opus: [] }, 'claude-opus-5', ['claude-opus-5']],
  ])('are %s', (_what, map, model, models) => {
    const modelMap = new Map(Object.entries(map))
    expect(servedModelsOf({ modelMap }, model)).toEqual(models)
    expect(servedModelsOf({ modelMap }, model)).toBe(servedModelsOf({ modelMap }, model))
  })
})

describe('an account is not asked for a model', () => {
  it.each<[readonly string[], string, boolean]>([
    [['claude-opus-5'], 'claude-opus-5', true],
    [['claude-opus-5'], 'claude-opus-5-5', false],
    [['opus'], 'claude-opus-5-5', true],
    [['claude-*'], 'claude-opus-5-5', true],
    [['claude-*'], 'gpt-6', false],
    [['*'], 'gpt-6', true],
  ])('when its list is %j and the model %s: served %p', (models, model, isServed) => {
    const reason = unservedReason({ models }, undefined, model)
    expect(reason).toBe(isServed ? undefined : 'its list of models does not have it')
  })

  it('that its plan is known not to have, unless the operator says that it has', () => {
    expect(unservedReason({ models: undefined }, 'claude_pro', 'claude-mythos-5-2')).toBe(
      'its plan (claude_pro) does not have it',
    )
    expect(unservedReason({ models: ['mythos'] }, 'claude_pro', 'claude-mythos-5-2')).toBeUndefined()
    expect(unservedReason({ models: undefined }, 'claude_pro', 'claude-sonnet-5-5')).toBeUndefined()
    expect(unservedReason({ models: undefined }, 'claude_max', 'claude-mythos-5-2')).toBeUndefined()
    expect(unservedReason({ models: undefined }, 'claude_free', 'claude-opus-5-5')).toBeDefined()
  })
})
