/** What is read out of a key's stored rules, whatever is stored. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import type { KeyRules } from './access.ts'
import { readKeyRules } from './key-rules.ts'
import { toMillis } from './time.ts'

describe('a key’s stored rules', () => {
  it('are none where nothing was stored', () => {
    expect(readKeyRules(undefined)).toEqual({})
    expect(readKeyRules('{}')).toEqual({})
  })

  it('are read as they were written', () => {
    const rules: KeyRules = {
      pool: 'team',
      class: 'background',
      holdMs: 90_000,
      runaway: 'refuse',
      models: { opus: 'claude-haiku-5-5' },
      payloads: 'sampled 5%',
      allowedModels: ['haiku', 'claude-opus-*'],
      groups: ['work'],
      strategy: 'headroom',
      endpoints: ['messages', 'count_tokens'],
      requestsPerMinute: 60,
      tokensPerMinute: 100_000,
      maxConcurrent: 4,
      budgets: [
        { usd: 0.5, period: '5h' },
        { tokens: 1_000_000, period: 'month' },
      ],
      expiresAt: toMillis(1_800_000_000_000),
    }
    expect(readKeyRules(JSON.stringify(rules))).toEqual(rules)
  })

  it.each([
    ['a class that there is not', { class: 'urgent' }],
    ['a length that is none', { holdMs: 'soon' }],
    ['a negative length', { holdMs: -1 }],
    ['a policy that there is not', { runaway: 'stop' }],
    ['models that are a list', { models: ['opus'] }],
    ['a word about payloads that there is not', { payloads: 'most' }],
    ['a strategy that there is not', { strategy: 'best' }],
    ['what only a newer version knows', { budgetUsd: 5 }],
  ])('leave out %s, and keep the rest', (_what, stored) => {
    expect(readKeyRules(JSON.stringify({ pool: 'team', ...stored }))).toEqual({ pool: 'team' })
  })

  it('leave out models that are no names, and keep the others', () => {
    const models = { opus: 7, sonnet: 'claude-haiku-5-5' }
    expect(readKeyRules(JSON.stringify({ models }))).toEqual({ models: { sonnet: 'claude-haiku-5-5' } })
  })

  it.each(['', 'pool', '[]', 'null', '7', '{"pool":7}', '{"pool":null}', '{"pool":"a"'])(
    'are unknown when they may have bound the key to a pool: %s',
    (text) => expect(readKeyRules(text)).toBeUndefined(),
  )

  it.each([
    { requestsPerMinute: 0 },
    { tokensPerMinute: '9' },
    { maxConcurrent: 1.5 },
    { budgets: [] },
    {
      budgets: [
        { usd: 1, period: 'day' },
        { usd: 1, period: 'year' },
      ],
    },
    { budgets: [{ usd: 1, tokens: 1, period: 'day' }] },
    { budgets: [{ usd: -1, period: 'day' }] },
    { allowedModels: 'haiku' },
    { allowedModels: [7] },
    { groups: [] },
    { endpoints: ['everything'] },
    { expiresAt: 'never' },
  ])('are unknown when they may have kept the key within bounds: %j', (stored) =>
    expect(readKeyRules(JSON.stringify(stored))).toBeUndefined(),
  )

  it('never throw', () => {
    fc.assert(
      fc.property(fc.json(), fc.string(), (json, text) => void [readKeyRules(json), readKeyRules(text)]),
    )
  })
})
