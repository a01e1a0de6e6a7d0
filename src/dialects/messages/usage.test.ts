/** Token counts out of usage objects: cumulative, split kept, nulls passed over, compactions added. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { NO_USAGE, type Usage } from '../../core/usage.ts'
import { readUsage, withCompactions } from './usage.ts'

/** `wire.md` §1.4. */
const WHOLE = {
  input_tokens: 41,
  cache_creation_input_tokens: 1_800,
  cache_creation: { ephemeral_5m_input_tokens: 300, ephemeral_1h_input_tokens: 1_500 },
  cache_read_input_tokens: 22_000,
  output_tokens: 512,
  output_tokens_details: { thinking_tokens: 380 },
  server_tool_use: { web_search_requests: 1, web_fetch_requests: 4 },
  service_tier: 'standard',
  inference_geo: 'global',
  speed: 'standard',
}

const READ: Usage = {
  ...NO_USAGE,
  inputTokens: 41,
  outputTokens: 512,
  cacheReadTokens: 22_000,
  cacheWrite5mTokens: 300,
  cacheWrite1hTokens: 1_500,
  webSearches: 1,
}

describe('readUsage', () => {
  it('reads a whole answer’s usage', () => expect(readUsage(WHOLE)).toEqual(READ))

  it.each([
    ['fast mode', { speed: 'fast' }, { speed: 'fast' }],
    ['the US region', { inference_geo: 'us' }, { region: 'us' }],
    ['a batch', { service_tier: 'batch' }, { batch: true }],
  ] as const)('reads %s', (_what, fields, expected) => {
    expect(readUsage({ ...WHOLE, ...fields })).toEqual({ ...READ, ...expected })
  })

  it.each([
    ['another speed', { speed: 'warp' }],
    ['another region', { inference_geo: 'eu' }],
    ['another tier', { service_tier: 'priority' }],
    ['fields it has never heard of', { iterations_v2: [], tokens: { input_tokens: 9 } }],
  ])('passes over %s', (_what, fields) => {
    expect(readUsage({ ...WHOLE, ...fields })).toEqual(READ)
  })

  it('lets later counts replace earlier ones, never adds them', () => {
    expect(readUsage({ output_tokens: 600 }, READ).outputTokens).toBe(600)
    expect(readUsage(WHOLE, READ)).toEqual(READ)
  })

  it.each([
    ['null', null],
    ['a text', '17'],
    ['a negative number', -1],
    ['an object', {}],
  ])('keeps what was known where there is %s', (_what, value) => {
    const silent = {
      input_tokens: value,
      output_tokens: value,
      cache_read_input_tokens: value,
      cache_creation_input_tokens: value,
      cache_creation: value,
      server_tool_use: value,
      speed: value,
      inference_geo: value,
      service_tier: value,
    }
    expect(readUsage(silent, READ)).toEqual(READ)
  })

  it.each([[null], [undefined], ['usage'], [17], [[]], [[WHOLE]]])(
    'keeps everything where there is no usage (%j)',
    (value) => {
      expect(readUsage(value, READ)).toEqual(READ)
    },
  )

  it('lets a count of zero count', () => {
    expect(
      readUsage({ output_tokens: 0, cache_creation: { ephemeral_1h_input_tokens: 0 } }, READ),
    ).toMatchObject({
      outputTokens: 0,
      cacheWrite1hTokens: 0,
    })
  })
})

describe('cache writes', () => {
  it('count as five-minute ones where nothing says how they are split', () => {
    expect(writesOf(readUsage({ cache_creation_input_tokens: 1_800 }))).toEqual([1_800, 0])
  })

  it('keep their known split when only the sum is repeated', () => {
    expect(writesOf(readUsage({ cache_creation_input_tokens: 1_800 }, READ))).toEqual([300, 1_500])
  })

  it('that came later are five-minute ones', () => {
    expect(writesOf(readUsage({ cache_creation_input_tokens: 2_000 }, READ))).toEqual([500, 1_500])
  })

  it('never add up to more than the sum', () => {
    expect(writesOf(readUsage({ cache_creation_input_tokens: 1_000 }, READ))).toEqual([0, 1_000])
  })

  it('are split as the answer says, even where the sum says otherwise', () => {
    const fields = { cache_creation_input_tokens: 9, cache_creation: { ephemeral_5m_input_tokens: 4 } }
    expect(writesOf(readUsage(fields))).toEqual([4, 0])
  })

  it('always add up to the sum where only a sum is given', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.nat(), (short, long, sum) => {
        const known = { ...NO_USAGE, cacheWrite5mTokens: short, cacheWrite1hTokens: long }
        const [now5m = 0, now1h = 0] = writesOf(readUsage({ cache_creation_input_tokens: sum }, known))
        expect(now5m + now1h).toBe(sum)
        expect(Math.min(now5m, now1h)).toBeGreaterThanOrEqual(0)
      }),
    )
  })
})

describe('compactions', () => {
  const compaction = {
    type: 'compaction',
    input_tokens: 1_000,
    output_tokens: 200,
    cache_read_input_tokens: 30,
    cache_creation_input_tokens: 4,
  }

  it('are added, because the totals leave them out', () => {
    expect(withCompactions(READ, { iterations: [compaction, compaction] })).toEqual({
      ...READ,
      inputTokens: 2_041,
      outputTokens: 912,
      cacheReadTokens: 22_060,
      cacheWrite5mTokens: 308,
    })
  })

  it('are the only iterations that are added', () => {
    const others = ['message', 'advisor_message', 'fallback_message', undefined].map((type) => ({
      ...compaction,
      type,
    }))
    expect(withCompactions(READ, { iterations: others })).toBe(READ)
  })

  it('keep writes of five minutes and of one hour apart', () => {
    const split = { ephemeral_5m_input_tokens: 1, ephemeral_1h_input_tokens: 3 }
    expect(withCompactions(READ, { iterations: [{ ...compaction, cache_creation: split }] })).toMatchObject({
      cacheWrite5mTokens: 301,
      cacheWrite1hTokens: 1_503,
    })
  })

  it.each([null, undefined, {}, { iterations: null }, { iterations: [null, 'compaction', 7] }])(
    'change nothing where there are none (%j)',
    (value) => {
      expect(withCompactions(READ, value)).toBe(READ)
    },
  )

  it('are passed over field by field where they are no numbers', () => {
    const odd = { type: 'compaction', input_tokens: null, output_tokens: 'many' }
    expect(withCompactions(READ, { iterations: [odd] })).toEqual(READ)
  })
})

it('never throws and never counts below zero, whatever a provider sends', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const usage = withCompactions(readUsage(value), value)
      expect(Math.min(...writesOf(usage), usage.inputTokens, usage.outputTokens)).toBeGreaterThanOrEqual(0)
    }),
  )
})

function writesOf({ cacheWrite5mTokens, cacheWrite1hTokens }: Usage): readonly number[] {
  return [cacheWrite5mTokens, cacheWrite1hTokens]
}
