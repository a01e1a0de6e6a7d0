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

describe('what an account is asked for', () => {
  it('is worked out once for each map, however many accounts are asked, and anew for a new map', () => {
    const modelMap = countingMap({ opus: ['glm-5'] })
    const models = servedModelsOf({ modelMap }, 'claude-opus-5-5')
    const { lookUps } = modelMap
    expect(servedModelsOf({ modelMap }, 'claude-opus-5-5')).toBe(models)
    expect(modelMap.lookUps).toBe(lookUps)
    const changed = new Map([['opus', ['glm-6']]])
    expect(servedModelsOf({ modelMap: changed }, 'claude-opus-5-5')).toEqual(['glm-6'])
  })

  it('is the same list for all accounts without a map', () => {
    const [one, other] = [new Map<string, string[]>(), new Map<string, string[]>()]
    const models = servedModelsOf({ modelMap: one }, 'claude-opus-5-5')
    expect(servedModelsOf({ modelMap: other }, 'claude-opus-5-5')).toBe(models)
  })

  it('is known of so many names and no more, and not of endless ones (G10)', () => {
    const modelMap = countingMap({ opus: ['glm-5'] })
    const ask = (model: string): number => {
      const before = modelMap.lookUps
      expect(servedModelsOf({ modelMap }, model)).toEqual(['glm-5'])
      return modelMap.lookUps - before
    }
    const lookUps = ask('claude-opus-5-5')
    expect(ask('claude-opus-5-5')).toBe(0)
    for (let number = 0; number < 200; number += 1) ask(`opus-${number}`)
    expect(ask('claude-opus-5-5')).toBe(lookUps)
    expect(ask('claude-opus-5-5')).toBe(0)
    const endless = `opus-${'x'.repeat(1_000)}`
    expect([ask(endless), ask(endless)]).toEqual([lookUps, lookUps])
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
    [['haiku', 'glm-5.3'], 'glm-5.3', true],
    [['opus'], 'anthropic/claude-opus-5.5', true],
    [['claude-opus-5[1m]'], 'claude-opus-5', true],
    [['glm-5.2[1m]'], 'glm-5.2', false],
    [[], 'claude-opus-5', false],
  ])('when its list is %j and the model %s: served %p', (models, model, isServed) => {
    const reason = unservedReason({ models }, undefined, model)
    expect(reason).toBe(isServed ? undefined : 'its list of models does not have it')
    expect(unservedReason({ models }, undefined, model)).toBe(reason)
  })

  it('that its plan is known not to have, unless the operator says that it has', () => {
    expect(unservedReason({ models: undefined }, 'claude_pro', 'claude-mythos-5-2')).toBe(
      'its plan (claude_pro) does not have it',
    )
    expect(unservedReason({ models: ['mythos'] }, 'claude_pro', 'claude-mythos-5-2')).toBeUndefined()
    expect(unservedReason({ models: undefined }, 'claude_pro', 'claude-sonnet-5-5')).toBeUndefined()
    expect(unservedReason({ models: undefined }, 'claude_max', 'claude-mythos-5-2')).toBeUndefined()
    expect(unservedReason({ models: undefined }, 'claude_free', 'claude-opus-5-5')).toBeDefined()
    expect(unservedReason({ models: undefined }, undefined, 'claude-mythos-5-2')).toBeUndefined()
  })

  it('by a reason that is worked out once', () => {
    const models = countingList('haiku', 'claude-sonnet-*')
    const reasons = [1, 2, 3].map(() => unservedReason({ models }, undefined, 'claude-opus-5'))
    expect(new Set(reasons).size).toBe(1)
    expect(models.readings).toBe(1)
  })
})

/** A map that counts how often it is looked into. */
function countingMap(entries: Readonly<Record<string, readonly string[]>>) {
  const map = new Map(Object.entries(entries))
  const counting = Object.assign(map, { lookUps: 0 })
  counting.get = (name) => {
    counting.lookUps += 1
    return Map.prototype.get.call(map, name)
  }
  return counting
}

/** A list that counts how often it is gone through. */
function countingList(...names: readonly string[]) {
  const counting = Object.assign([...names], { readings: 0 })
  counting.some = (isWanted) => {
    counting.readings += 1
    return names.some((name, index) => isWanted(name, index, counting))
  }
  return counting
}
