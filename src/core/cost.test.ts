/** What requests cost: every row of the price list against `wire.md` §7.1, and its rules (§7.2). */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { costOf } from './cost.ts'
import { pricedModels } from './prices.ts'
import { toMillis } from './time.ts'
import { NO_USAGE, type Usage } from './usage.ts'

const now = toMillis(Date.parse('2026-11-20T12:00:00Z'))
const beforeTheCut = toMillis(Date.parse('2026-10-06T23:59:59Z'))

/** USD per million: input, five-minute write, one-hour write, cache read, output. */
const LIST: readonly (readonly [string, number, number, number, number, number])[] = [
  ['claude-fable-5-2', 8, 10, 16, 0.2, 40],
  ['claude-mythos-5-2', 8, 10, 16, 0.2, 40],
  ['claude-fable-5-1', 10, 12.5, 20, 0.25, 50],
  ['claude-mythos-5-1', 10, 12.5, 20, 0.25, 50],
  ['claude-fable-5', 10, 12.5, 20, 1, 50],
  ['claude-mythos-5', 10, 12.5, 20, 1, 50],
  ['claude-opus-5-5', 4, 5, 8, 0.2, 20],
  ['claude-opus-5', 5, 6.25, 10, 0.5, 25],
  ['claude-opus-4-8', 5, 6.25, 10, 0.5, 25],
  ['claude-opus-4-7', 5, 6.25, 10, 0.5, 25],
  ['claude-opus-4-6', 5, 6.25, 10, 0.5, 25],
  ['claude-opus-4-5', 5, 6.25, 10, 0.5, 25],
  ['claude-sonnet-5-5', 2, 2.5, 4, 0.1, 10],
  ['claude-sonnet-5', 2, 2.5, 4, 0.2, 10],
  ['claude-sonnet-4-6', 3, 3.75, 6, 0.3, 15],
  ['claude-sonnet-4-5', 3, 3.75, 6, 0.3, 15],
  ['claude-haiku-5-5', 0.1, 0.125, 0.2, 0.01, 0.5],
  ['claude-haiku-4-5', 1, 1.25, 2, 0.1, 5],
  ['claude-opus-4-1', 15, 18.75, 30, 1.5, 75],
  ['claude-opus-4', 15, 18.75, 30, 1.5, 75],
  ['claude-sonnet-4', 3, 3.75, 6, 0.3, 15],
  ['claude-haiku-3-5', 0.8, 1, 1.6, 0.08, 4],
  ['claude-3-5-haiku', 0.8, 1, 1.6, 0.08, 4],
]

describe('the price of each kind of token', () => {
  it.each(LIST)('of %s', (model, input, write5m, write1h, read, output) => {
    expect(perMillion(model, 'inputTokens')).toBeCloseTo(input, 9)
    expect(perMillion(model, 'cacheWrite5mTokens')).toBeCloseTo(write5m, 9)
    expect(perMillion(model, 'cacheWrite1hTokens')).toBeCloseTo(write1h, 9)
    expect(perMillion(model, 'cacheReadTokens')).toBeCloseTo(read, 9)
    expect(perMillion(model, 'outputTokens')).toBeCloseTo(output, 9)
  })

  it('is checked for every model of the list', () => {
    expect(LIST.map(([model]) => model).toSorted()).toEqual(pricedModels().toSorted())
  })

  it('is that of the day of the request', () => {
    const usage = { ...NO_USAGE, cacheReadTokens: 1_000_000 }
    expect(costOf('claude-sonnet-5-5', usage, beforeTheCut)).toBeCloseTo(0.2, 9)
    expect(costOf('claude-sonnet-5-5', usage, now)).toBeCloseTo(0.1, 9)
  })
})

describe('a whole request', () => {
  const usage: Usage = {
    ...NO_USAGE,
    inputTokens: 41,
    cacheWrite5mTokens: 300,
    cacheWrite1hTokens: 1_500,
    cacheReadTokens: 22_000,
    outputTokens: 512,
  }
  const tokens = (41 * 2 + 300 * 2.5 + 1_500 * 4 + 22_000 * 0.1 + 512 * 10) / 1_000_000

  it('costs the sum of its parts, writes of five minutes and of one hour apart', () => {
    expect(costOf('claude-sonnet-5-5', usage, now)).toBeCloseTo(tokens, 12)
  })

  it('costs a cent more for each web search', () => {
    expect(costOf('claude-sonnet-5-5', { ...usage, webSearches: 3 }, now)).toBeCloseTo(tokens + 0.03, 12)
  })

  it('costs half in a batch, caches included, but a web search costs the same', () => {
    const batch = { ...usage, batch: true, webSearches: 1 }
    expect(costOf('claude-sonnet-5-5', batch, now)).toBeCloseTo(tokens / 2 + 0.01, 12)
  })

  it('costs a tenth more in the US region', () => {
    expect(costOf('claude-sonnet-5-5', { ...usage, region: 'us' }, now)).toBeCloseTo(tokens * 1.1, 12)
  })

  it('costs nothing where nothing was used', () => {
    expect(costOf('claude-sonnet-5-5', NO_USAGE, now)).toBe(0)
  })
})

describe('the US region', () => {
  it.each([
    'claude-opus-4-6',
    'claude-sonnet-4-6',
    'claude-opus-5-5',
    'claude-haiku-5-5',
    'claude-fable-5-2',
  ])('costs more for %s', (model) => expect(inRegion(model)).toBeCloseTo(1.1, 9))

  it.each(['claude-opus-4-5', 'claude-sonnet-4-5', 'claude-haiku-4-5', 'claude-opus-4-1'])(
    'costs the same for %s, which is older',
    (model) => expect(inRegion(model)).toBeCloseTo(1, 9),
  )
})

describe('the long prompts of Haiku 5.5', () => {
  it('cost the lower rate up to and with 100,000 tokens', () => {
    expect(haiku({ inputTokens: 100_000, outputTokens: 1_000 })).toBeCloseTo(0.0105, 9)
  })

  it('cost the higher rate for everything above that, output included', () => {
    expect(haiku({ inputTokens: 100_001, outputTokens: 1_000 })).toBeCloseTo(0.0525005, 9)
  })

  it('are measured with cache reads and cache writes', () => {
    const usage = {
      inputTokens: 1,
      cacheReadTokens: 50_000,
      cacheWrite5mTokens: 25_000,
      cacheWrite1hTokens: 25_000,
    }
    expect(haiku(usage)).toBeCloseTo((0.5 + 50_000 * 0.05 + 25_000 * 0.625 + 25_000) / 1_000_000, 12)
  })

  it('are not measured with what was written', () => {
    expect(haiku({ inputTokens: 10, outputTokens: 120_000 })).toBeCloseTo((1 + 60_000) / 1_000_000, 12)
  })

  it('do not exist for models with one rate for the whole window', () => {
    expect(costOf('claude-opus-5-5', { ...NO_USAGE, inputTokens: 900_000 }, now)).toBeCloseTo(3.6, 9)
  })
})

describe('fast mode', () => {
  it.each([
    ['claude-opus-5', 10, 12.5, 20, 1, 50],
    ['claude-opus-4-8', 10, 12.5, 20, 1, 50],
    ['claude-opus-5-5', 8, 10, 16, 0.4, 40],
  ])(
    'of %s has its own prices, and the caches follow the input',
    (model, input, write5m, write1h, read, output) => {
      const fast = { speed: 'fast' } as const
      expect(perMillion(model, 'inputTokens', fast)).toBeCloseTo(input, 9)
      expect(perMillion(model, 'cacheWrite5mTokens', fast)).toBeCloseTo(write5m, 9)
      expect(perMillion(model, 'cacheWrite1hTokens', fast)).toBeCloseTo(write1h, 9)
      expect(perMillion(model, 'cacheReadTokens', fast)).toBeCloseTo(read, 9)
      expect(perMillion(model, 'outputTokens', fast)).toBeCloseTo(output, 9)
    },
  )

  it('costs the usual price where the list names no other', () => {
    expect(perMillion('claude-sonnet-5-5', 'inputTokens', { speed: 'fast' })).toBeCloseTo(2, 9)
  })
})

describe('an unknown model', () => {
  it.each(['glm-5', 'claude-opus-6', 'claude-fable-5-3', ''])('costs nobody knows what: "%s"', (model) => {
    expect(costOf(model, { ...NO_USAGE, inputTokens: 1 }, now)).toBeUndefined()
  })

  it('is unpriced even where nothing was used, never free', () => {
    expect(costOf('glm-5', NO_USAGE, now)).toBeUndefined()
  })
})

it('never costs less for more tokens of any kind', () => {
  const count = fc.nat({ max: 300_000 })
  const kind = fc.constantFrom(...KINDS)
  fc.assert(
    fc.property(fc.constantFrom(...pricedModels()), kind, count, count, (model, field, some, more) => {
      const less = costOf(model, { ...NO_USAGE, [field]: some }, now) ?? Number.NaN
      const greater = costOf(model, { ...NO_USAGE, [field]: some + more }, now) ?? Number.NaN
      expect(less).toBeGreaterThanOrEqual(0)
      expect(greater).toBeGreaterThanOrEqual(less)
    }),
  )
})

const KINDS = [
  'inputTokens',
  'cacheWrite5mTokens',
  'cacheWrite1hTokens',
  'cacheReadTokens',
  'outputTokens',
] as const

/** From ten thousand tokens, so that no tier for long prompts is touched. */
function perMillion(model: string, kind: (typeof KINDS)[number], change: Partial<Usage> = {}): number {
  return (costOf(model, { ...NO_USAGE, [kind]: 10_000, ...change }, now) ?? Number.NaN) * 100
}

function inRegion(model: string): number {
  return perMillion(model, 'outputTokens', { region: 'us' }) / perMillion(model, 'outputTokens')
}

function haiku(usage: Partial<Usage>): number {
  return costOf('claude-haiku-5-5', { ...NO_USAGE, ...usage }, now) ?? Number.NaN
}
