/** An account's models as people say them: one shape, contradictions refused, slips remarked on. */
import { describe, expect, it } from 'bun:test'
import { GatewayError } from '../../core/error.ts'
import { assertModels, modelNotes, toModelMap, toModels } from './account-models.ts'

describe('what people say', () => {
  it('is stored in one shape: lists, families in lower case, nothing twice; other names as they are', () => {
    const map = toModelMap({ Opus: 'glm-5.3', ' GLM-Old ': ['a', 'b', 'a'], '*': 'c' })
    expect([...map]).toEqual([
      ['opus', ['glm-5.3']],
      [' GLM-Old ', ['a', 'b']],
      ['*', ['c']],
    ])
    expect(toModels(['Haiku', 'haiku', 'MiniMax-M3'])).toEqual(['haiku', 'MiniMax-M3'])
    expect([toModels(null), toModels(undefined)]).toEqual([undefined, undefined])
  })
})

describe('a map', () => {
  it.each<[string, Record<string, string[]>, string[] | undefined, RegExp]>([
    [
      'from a pattern',
      { 'claude-opus-*': ['a'] },
      undefined,
      /not from "claude-opus-\*". Did you mean "opus"\?$/,
    ],
    [
      'from another pattern',
      { 'gpt-*': ['a'] },
      undefined,
      /"\*" for whatever is left.* Name the model itself\.$/,
    ],
    ['to a pattern', { 'x-opus': ['a', 'glm-*'] }, undefined, /"glm-\*" is none\. Name one, or several/],
    ['past the list', { opus: ['glm-5.3'] }, ['glm-5.2'], /does not have that\. Did you mean "glm-5\.2"\?$/],
    ['far past it', { opus: ['glm-5.3'] }, ['haiku'], /Add "glm-5\.3" to the list, or take the list back\.$/],
    [
      'past it at last',
      { '*': ['glm-5.3', 'x'] },
      ['glm-*'],
      /instead of whatever is left.* Add "x" to the list/,
    ],
  ])('%s is refused with its place and what to do', (_what, map, models, words) => {
    const [from = ''] = Object.keys(map)
    const problem = problemOf(map, models, { modelMap: map })
    expect(problem).toEqual([`modelMap.${from}`, expect.stringMatching(words)])
  })

  it.each<[string, Record<string, string[]>, string[] | undefined]>([
    ['to names of the list', { opus: ['glm-5.3', 'glm-4.7'] }, ['glm-5.3', 'glm-4.7']],
    ['to a family of the list', { '*': ['claude-haiku-5-5'] }, ['haiku']],
    ['to names that match the list', { fast: ['glm-5.3'] }, ['glm-*']],
    ['where there is no list', { opus: ['anything'] }, undefined],
  ])('%s is taken', (_what, map, models) => {
    expect(problemOf(map, models, { modelMap: map })).toBeUndefined()
  })
})

describe('a list', () => {
  const MAP = { opus: ['glm-5.3'] }

  it('without what the present map asks for is refused, and the map is named', () => {
    const problem = problemOf(MAP, ['haiku'], { models: ['haiku'] })
    expect(problem).toEqual(['models', expect.stringContaining('map asks for "glm-5.3" instead of "opus"')])
  })

  it.each<[string, object]>([
    ['taken back', { models: null }],
    ['not spoken of', { priority: 3 }],
  ])('that is %s is nobody’s fault', (_what, said) => {
    expect(problemOf(MAP, ['haiku'], said)).toBeUndefined()
  })
})

describe('a name that the provider is not known for', () => {
  const ZAI = { id: 'zai', models: ['glm-5.3', 'glm-4.7'] }
  const CLAUDE = { id: 'console', models: ['claude-opus-5-5', 'claude-sonnet-5-5'] }
  const notes = (provider: typeof ZAI, target: string, baseUrl?: string) =>
    modelNotes(provider, { modelMap: new Map([['opus', [target]]]), baseUrl })

  it.each([
    ['two letters changed about', ZAI, 'gml-5.3', ' Did you mean "glm-5.3"?'],
    ['a family', CLAUDE, 'opus', ' Did you mean "claude-opus-5-5"?'],
    ['another version', CLAUDE, 'claude-opus-5-6', ' Did you mean "claude-opus-5-5"?'],
    ['another family', CLAUDE, 'claude-haiku-5-5', ''],
    ['nothing near', ZAI, 'something-else-entirely', ''],
  ])('is remarked on: %s', (_what, provider, target, hint) => {
    const list = provider.models.join(', ')
    expect(notes(provider, target)).toEqual([
      `modelMap.opus: "${target}" is not among the models that Spillway knows of ${provider.id} (${list}). It is asked for all the same.${hint}`,
    ])
  })

  it('is none where it is known, where no names are known, or at an address of one’s own', () => {
    expect(notes(ZAI, 'glm-4.7')).toEqual([])
    expect(notes({ id: 'ollama', models: [] }, 'qwen3')).toEqual([])
    expect(notes(ZAI, 'mine', 'https://llm.example')).toEqual([])
  })
})

/** Where and why it is refused; undefined when it is not. */
function problemOf(
  map: Readonly<Record<string, readonly string[]>>,
  models: readonly string[] | undefined,
  said: object,
): readonly (string | undefined)[] | undefined {
  try {
    assertModels({ modelMap: new Map(Object.entries(map)), models }, said)
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    expect(error.details).toEqual([{ path: expect.any(String), message: error.message }])
    return [error.details?.[0]?.path, error.message]
  }
  return undefined
}
