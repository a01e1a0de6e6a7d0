/** Rate-limit headers as windows: fractions and percents, epochs and dates, and what is absent. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import type { Headers } from '../../core/headers.ts'
import type { Overage } from '../../core/limits.ts'
import { DAY, HOUR, toMillis } from '../../core/time.ts'
import { readAnthropicLimits, readRetryAfter, readUnifiedLimits, windowLengthMs } from './limits.ts'

const noon = toMillis(Date.parse('2026-11-20T12:00:00Z'))
const UNIFIED = 'anthropic-ratelimit-unified-'

type Fields = Readonly<Record<string, string>>

describe('the unified headers', () => {
  const EXAMPLE = {
    [`${UNIFIED}status`]: 'rejected',
    [`${UNIFIED}representative-claim`]: 'five_hour',
    [`${UNIFIED}5h-status`]: 'rejected',
    [`${UNIFIED}5h-utilization`]: '1.0',
    [`${UNIFIED}5h-reset`]: '1795181400',
    [`${UNIFIED}5h-surpassed-threshold`]: '1.0',
    [`${UNIFIED}7d-status`]: 'allowed',
    [`${UNIFIED}7d-utilization`]: '0.37',
    [`${UNIFIED}reset`]: '1795181400',
    [`${UNIFIED}overage-status`]: 'rejected',
    [`${UNIFIED}overage-utilization`]: '0.2',
    [`${UNIFIED}overage-disabled-reason`]: 'out_of_credits',
    [`${UNIFIED}fallback-percentage`]: '0.5',
    [`${UNIFIED}slow-status`]: 'off',
    [`${UNIFIED}grace-5h-utilization`]: '0.1',
    'retry-after': '2094',
  }

  it('are read as the wire reference shows them', () => {
    expect(readUnifiedLimits(headersOf(EXAMPLE), noon)).toEqual({
      status: 'rejected',
      claim: 'five_hour',
      reset: toMillis(1_795_181_400_000),
      windows: [
        {
          name: '5h',
          utilization: 1,
          resetsAt: toMillis(1_795_181_400_000),
          status: 'rejected',
          readAt: noon,
        },
        { name: '7d', utilization: 0.37, status: 'allowed', readAt: noon },
      ],
      overage: { inUse: false, status: 'rejected', utilization: 0.2, disabledReason: 'out_of_credits' },
    })
  })

  it.each(['allowed', 'allowed_warning', 'rejected', 'queueing_soft', 'payment_required', 'unheard_of'])(
    'give the account’s state in the provider’s word: %s',
    (status) => {
      expect(limitsOf({ [`${UNIFIED}status`]: status })).toEqual({ windows: [], status })
    },
  )

  it('take no state of extra usage for the account’s', () => {
    const limits = limitsOf({ [`${UNIFIED}overage-status`]: 'rejected' })
    expect(limits).toEqual({ windows: [], overage: { inUse: false, status: 'rejected' } })
  })

  it.each<[what: string, fields: Fields, overage: Overage | undefined]>([
    ['that it is drawn on', { 'in-use': 'true' }, { inUse: true }],
    ['that it is not', { 'in-use': 'false' }, { inUse: false }],
    ['its share, a fraction', { utilization: '0.95' }, { inUse: false, utilization: 0.95 }],
    ['when it begins anew', { reset: '1795181400' }, { inUse: false, resetsAt: toMillis(1_795_181_400_000) }],
    ['why it is off', { 'disabled-reason': 'fetch_error' }, { inUse: false, disabledReason: 'fetch_error' }],
    ['nothing in garbage', { utilization: 'much', reset: 'soon' }, undefined],
    ['nothing in its period', { period: 'monthly', 'period-monthly-utilization': '0.5' }, undefined],
  ])('say of extra usage %s', (_what, fields, overage) => {
    const headers = Object.entries(fields).map(([name, value]) => [`${UNIFIED}overage-${name}`, value])
    expect(limitsOf(Object.fromEntries(headers))?.overage).toEqual(overage)
  })

  it.each(['5h-surpassed-threshold', '5h-limit', '5hours-status', '5h_a-b-status', 'grace-5h-utilization'])(
    'have no window in %s',
    (name) => expect(windowsOf({ [`${UNIFIED}${name}`]: '0.5' })).toEqual([]),
  )

  it('count once where they are repeated: the first', () => {
    const name = `${UNIFIED}5h-utilization`
    const headers: Headers = [
      [name, '0.1'],
      [name, '0.9'],
    ]
    expect(readAnthropicLimits(headers, noon)?.windows).toEqual([
      { name: '5h', utilization: 0.1, readAt: noon },
    ])
  })

  it.each(['7d_oi', '7d_opus', '7d_sonnet', '1h', '30d'])(
    'know the window %s, whoever invents the next',
    (name) => {
      expect(windowsOf({ [`${UNIFIED}${name}-utilization`]: '0.5' })).toEqual([
        { name, utilization: 0.5, readAt: noon },
      ])
    },
  )

  it.each([
    ['0', 0],
    ['0.42', 0.42],
    ['1.13', 1.13],
    ['5', 5],
    ['5.1', 0.051],
    ['42', 0.42],
    ['113', 1.13],
  ])('take a utilization of %s for %d', (text, utilization) => {
    expect(windowsOf({ [`${UNIFIED}5h-utilization`]: text })[0]?.utilization).toBeCloseTo(utilization, 9)
  })

  it.each(['', 'n/a', '-0.1', '.5', '1e1', 'NaN', 'Infinity', '0.4%', '0,4'])(
    'take no utilization from "%s"',
    (text) => {
      const [window] = windowsOf({ [`${UNIFIED}5h-utilization`]: text })
      expect(window).toEqual({ name: '5h', readAt: noon })
    },
  )

  it.each([
    ['1795181400', 1_795_181_400_000],
    ['1795181400.5', 1_795_181_400_500],
  ])('take a reset of %s for an epoch in seconds', (text, at) => {
    expect(windowsOf({ [`${UNIFIED}5h-reset`]: text })[0]?.resetsAt).toBe(toMillis(at))
  })

  it.each(['', 'soon', '-1', '0', '3600', '1795181400000', '2026-11-20T12:00:00Z', '1.8e9'])(
    'take no reset from "%s"',
    (text) => {
      expect(windowsOf({ [`${UNIFIED}5h-reset`]: text })[0]).not.toHaveProperty('resetsAt')
    },
  )

  it('say nothing where there are none', () => {
    expect(readUnifiedLimits([['retry-after', '5']], noon)).toEqual({
      status: undefined,
      claim: undefined,
      reset: undefined,
      windows: [],
      overage: undefined,
    })
    expect(windowsOf({ 'content-type': 'application/json' })).toEqual([])
  })
})

describe('the per-minute headers of API keys', () => {
  it('are meters with the share that is used', () => {
    expect(windowsOf(meter('requests', '1000', '250', '2026-11-20T12:00:20Z'))).toEqual([
      {
        name: 'requests/min',
        utilization: 0.75,
        status: 'allowed',
        readAt: noon,
        resetsAt: toMillis(noon + 20_000),
      },
    ])
  })

  it.each(['requests', 'tokens', 'input-tokens', 'output-tokens'])('know the meter of %s', (name) => {
    expect(windowsOf(meter(name, '10', '10', ''))).toEqual([
      { name: `${name}/min`, utilization: 0, status: 'allowed', readAt: noon },
    ])
  })

  it('are rejected when nothing remains', () => {
    expect(windowsOf(meter('tokens', '10', '0', ''))).toMatchObject([{ utilization: 1, status: 'rejected' }])
  })

  it('are never used less than not at all', () => {
    expect(windowsOf(meter('tokens', '10', '12', ''))).toMatchObject([{ utilization: 0 }])
  })

  it.each([
    ['no limit', '', '5'],
    ['a limit of zero', '0', '0'],
    ['a limit that is a word', 'many', '5'],
    ['no remainder', '10', ''],
    ['a remainder that is a word', '10', 'some'],
    ['a negative remainder', '10', '-1'],
    ['a limit without end', 'Infinity', 'Infinity'],
  ])('are absent with %s', (_what, limit, remaining) => {
    expect(windowsOf(meter('requests', limit, remaining, ''))).toEqual([])
  })

  it.each(['', 'soon', '5', '60', '6m0s', '2026-11-20 12:00:20'])('have no end in "%s"', (reset) => {
    expect(windowsOf(meter('requests', '10', '5', reset))[0]).not.toHaveProperty('resetsAt')
  })
})

describe('whose limits they are', () => {
  const organization = 'org-1'

  it('is told by a header of its own, beside limits and without any', () => {
    const name = 'anthropic-organization-id'
    expect(limitsOf({ [name]: organization })).toEqual({ windows: [], organization })
    expect(limitsOf({ [name]: organization, [`${UNIFIED}status`]: 'allowed' })).toEqual({
      windows: [],
      status: 'allowed',
      organization,
    })
  })

  it.each<[what: string, headers: Fields]>([
    ['no headers', {}],
    ['other headers', { 'content-type': 'application/json', 'request-id': 'req_1', 'retry-after': '5' }],
    ['an empty organization', { 'anthropic-organization-id': '' }],
  ])('is nothing with %s', (_what, headers) => expect(limitsOf(headers)).toBeUndefined())
})

describe('readRetryAfter', () => {
  it('is nothing where nothing is said', () => expect(readRetryAfter([], noon)).toBeUndefined())

  it('gives what was said, unbounded and unjudged', () => {
    expect(readRetryAfter(headersOf({ 'retry-after': '-5' }), noon)).toBe(-5_000)
    expect(readRetryAfter(headersOf({ 'retry-after-ms': '250.5' }), noon)).toBe(250.5)
  })

  it('is a number or nothing, never NaN, whatever stands there', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (seconds, ms, date) => {
        const wait = readRetryAfter(headersOf({ 'retry-after': seconds, 'retry-after-ms': ms, date }), noon)
        expect(wait).not.toBeNaN()
      }),
    )
  })
})

describe('windowLengthMs', () => {
  it.each([
    ['5h', 5 * HOUR],
    ['7d', 7 * DAY],
    ['7d_opus', 7 * DAY],
    ['requests/min', undefined],
    ['', undefined],
  ])('of "%s" is %p', (name, length) => {
    expect(windowLengthMs(name)).toBe(length)
  })
})

it('reads windows out of anything without a throw, a NaN or a negative share', () => {
  const suffixes = [
    'unified-5h-utilization',
    'unified-5h-reset',
    'requests-limit',
    'requests-remaining',
    'requests-reset',
  ]
  const names = fc.constantFrom(...suffixes.map((suffix) => `anthropic-ratelimit-${suffix}`))
  const values = fc.oneof(fc.string(), fc.double().map(String), fc.date().map(String))
  fc.assert(
    fc.property(fc.dictionary(names, values), (fields) => {
      for (const { utilization = 0, resetsAt = 0 } of windowsOf(fields)) {
        expect(utilization).toBeGreaterThanOrEqual(0)
        expect(Number.isFinite(resetsAt)).toBe(true)
      }
    }),
  )
})

function windowsOf(fields: Fields) {
  return limitsOf(fields)?.windows ?? []
}

function limitsOf(fields: Fields) {
  return readAnthropicLimits(headersOf(fields), noon)
}

function headersOf(fields: Fields): Headers {
  return Object.entries(fields)
}

function meter(name: string, limit: string, remaining: string, reset: string): Fields {
  const prefix = `anthropic-ratelimit-${name}`
  return { [`${prefix}-limit`]: limit, [`${prefix}-remaining`]: remaining, [`${prefix}-reset`]: reset }
}
