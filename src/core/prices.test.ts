/** The price list: spellings of other sellers lead to one row, unseen models to none. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { PRICES_AS_OF, pricedModels, priceRowOf, toPricedModel } from './prices.ts'
import { readDate, toMillis } from './time.ts'

const now = toMillis(Date.parse('2026-11-20T12:00:00Z'))

describe('toPricedModel', () => {
  it.each([
    ['claude-opus-5-5', 'claude-opus-5-5'],
    ['CLAUDE-Opus-5-5', 'claude-opus-5-5'],
    ['anthropic/claude-opus-5.5', 'claude-opus-5-5'],
    ['openrouter/anthropic/claude-opus-5.5:beta', 'claude-opus-5-5'],
    ['anthropic.claude-sonnet-4-5-20250929-v1:0', 'claude-sonnet-4-5'],
    ['us.anthropic.claude-sonnet-4-5-20250929-v1:0', 'claude-sonnet-4-5'],
    ['eu.anthropic.claude-haiku-4-5-20251001-v1:0', 'claude-haiku-4-5'],
    ['global.anthropic.claude-opus-4-6-v1', 'claude-opus-4-6'],
    ['arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-4-6-v1', 'claude-opus-4-6'],
    ['claude-sonnet-4-5@20250929', 'claude-sonnet-4-5'],
    ['claude-sonnet-5-5[1m]', 'claude-sonnet-5-5'],
    ['claude-opus-4-5-20251101', 'claude-opus-4-5'],
    ['claude-sonnet-4-20250514', 'claude-sonnet-4'],
    ['claude-3-5-haiku-20241022', 'claude-3-5-haiku'],
  ])('brings %s to %s', (spelling, model) => {
    expect(toPricedModel(spelling)).toBe(model)
    expect(priceRowOf(model, now)).toBeDefined()
  })

  it('leaves every name of the list as it is', () => {
    for (const model of pricedModels()) expect(toPricedModel(model)).toBe(model)
  })

  it('takes any text', () => {
    fc.assert(fc.property(fc.string(), (text) => expect(typeof toPricedModel(text)).toBe('string')))
  })
})

describe('priceRowOf', () => {
  it.each([
    'claude-fable-5-3',
    'claude-opus-5-6',
    'claude-opus-6',
    'claude-sonnet-5-5-turbo',
    'claude',
    'opus',
    'gpt-6',
    'glm-5',
    '',
    '__proto__',
    'constructor',
  ])('has no price for "%s", however alike it looks', (model) => {
    expect(priceRowOf(toPricedModel(model), now)).toBeUndefined()
  })

  it('changes over to a dated row at its first moment', () => {
    const change = Date.parse('2026-10-07T00:00:00Z')
    const readAt = (at: number) => priceRowOf('claude-sonnet-5-5', toMillis(at))?.price.cacheRead
    expect(readAt(change - 1)).toBe(0.2)
    expect(readAt(change)).toBe(0.1)
    expect(readAt(now)).toBe(0.1)
  })

  it('names only days that are days', () => {
    const dates = pricedModels().map((model) => priceRowOf(model, now)?.from)
    for (const date of dates) if (date !== undefined) expect(readDate(date)).toBeDefined()
    expect(readDate(PRICES_AS_OF)).toBeDefined()
  })
})
