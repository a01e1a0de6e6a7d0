/** An account's endpoint and its rules for models, as the versions of better-ccflare wrote them. */
import { describe, expect, it } from 'bun:test'
import { readEndpoint, readMappings } from './ccflare-endpoint.ts'

describe('an endpoint', () => {
  it.each([
    ['nothing', null, {}],
    ['an empty text', ' ', {}],
    ['an address', 'https://llm.example.com', { baseUrl: 'https://llm.example.com' }],
    ['one with a port and a path', 'http://10.0.0.5:8080/a/b/', { baseUrl: 'http://10.0.0.5:8080/a/b' }],
    ['one with the version', 'https://openrouter.ai/api/v1/', { baseUrl: 'https://openrouter.ai/api' }],
    ['one with the messages’ path', 'https://x.example/v1/messages', { baseUrl: 'https://x.example' }],
    [
      'one with the chat’s path',
      'https://x.example/api/v1/chat/completions',
      { baseUrl: 'https://x.example/api' },
    ],
    ['JSON', '{"endpoint":"https://x.example/v1"}', { baseUrl: 'https://x.example' }],
    [
      'JSON with rules',
      '{"endpoint":"https://x.example","modelMappings":{"opus":"big"}}',
      { baseUrl: 'https://x.example', mappings: { opus: 'big' } },
    ],
    ['JSON without an address', '{"modelMappings":{}}', { mappings: {} }],
    ['broken JSON', '{"endpoint":', { isUnusable: true }],
    ['no address', 'CANARY', { isUnusable: true }],
    ['another protocol', 'ftp://x.example', { isUnusable: true }],
    ['a password', 'https://me:CANARY-password@x.example', { isUnusable: true }],
    ['a key in the query', 'https://x.example?key=CANARY-key', { isUnusable: true }],
  ])('is read from %s', (_what, text, endpoint) => expect(readEndpoint(text)).toEqual(endpoint))
})

describe('rules for models', () => {
  it('are of one model or of a family; what is of no family is told apart', () => {
    expect(readMappings({ 'claude-opus-5': 'big', opus: 'bigger', custom: 'any' })).toEqual({
      models: { 'claude-opus-5': ['big'], opus: ['bigger'] },
      custom: ['any'],
    })
  })

  it('for what is of no family are Spillway’s for whatever is left, where every family has one of its own', () => {
    const families = { opus: 'a', sonnet: 'b', haiku: 'c' }
    expect(readMappings({ ...families, custom: ['d', 'e'] })).toEqual({
      models: { opus: ['a'], sonnet: ['b'], haiku: ['c'], '*': ['d', 'e'] },
      custom: [],
    })
    expect(readMappings({ opus: 'a', sonnet: 'b', custom: 'd' }).custom).toEqual(['d'])
    expect(readMappings({ ...families, '*': 'mine', custom: 'd' })).toMatchObject({
      models: { '*': ['mine'] },
      custom: ['d'],
    })
  })

  it('may be wrapped, and may be lists, best first', () => {
    expect(readMappings({ modelMappings: { a: ['b', 'c'] } })).toEqual({
      models: { a: ['b', 'c'] },
      custom: [],
    })
  })

  it('of a later layer win', () => {
    expect(readMappings({ a: 'b', c: 'd' }, undefined, { a: 'e' }).models).toEqual({ a: ['e'], c: ['d'] })
  })

  it('that say nothing are left out', () => {
    const nothing = { models: {}, custom: [] }
    expect(readMappings({ a: null, b: 5, c: [], d: '', e: [7], f: {} })).toEqual(nothing)
    expect(readMappings(undefined)).toEqual(nothing)
  })

  it('keep names that objects have by themselves', () => {
    const { models } = readMappings(JSON.parse('{"__proto__":"a","constructor":"b"}'))
    expect(Object.entries(models)).toEqual([
      ['__proto__', ['a']],
      ['constructor', ['b']],
    ])
  })
})
