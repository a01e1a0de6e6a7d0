/** How to read a 429: the decision table of `wire.md` §1.7, and every way in which a wait can be said. */
import { describe, expect, it } from 'bun:test'
import type { Failure } from '../../core/failure.ts'
import { DAY, HOUR, later, MINUTE, type Millis, SECOND, toMillis } from '../../core/time.ts'
import { readErrorEnvelope } from '../../dialects/messages/error.ts'
import { readLimitFailure } from './rate-limit.ts'

const noon = toMillis(Date.parse('2026-11-20T12:00:00Z'))
const MODEL = 'claude-opus-5-5'
const OPUS = { kind: 'family', family: 'opus' } as const
const UNIFIED = 'anthropic-ratelimit-unified-'
const REQUESTS_RESET = 'anthropic-ratelimit-requests-reset'
const REFUSED: Failure = {
  cause: 'request-refused',
  scope: { kind: 'request' },
  evidence: 'it refused this request without naming a limit (429)',
}

type Fields = Readonly<Record<string, string>>

describe('a spent window of the account', () => {
  const fiveHour = unified('rejected', 'five_hour')

  it.each<[what: string, headers: Fields, lastsMs: number]>([
    ['five hours', { ...fiveHour, ...spent('5h', 30 * MINUTE), ...open('7d') }, 30 * MINUTE],
    ['seven days', { ...unified('rejected', 'seven_day'), ...open('5h'), ...spent('7d', 3 * DAY) }, 3 * DAY],
    ['both: the later end', { ...unified('rejected'), ...spent('5h', HOUR), ...spent('7d', DAY) }, DAY],
    ['the family’s as well', { ...unified('rejected'), ...spent('5h', HOUR), ...spent('7d_oi', DAY) }, HOUR],
    ['named by the claim only', { ...fiveHour, ...unifiedReset(HOUR) }, HOUR],
    ['named by the claim, with a wait', { ...fiveHour, 'retry-after': '2094' }, 2_094 * SECOND],
    ['named by the claim, though open', { ...fiveHour, ...open('5h'), ...ends('5h', HOUR) }, HOUR],
    ['without an end of its own', { ...fiveHour, ...status('5h', 'rejected'), ...unifiedReset(HOUR) }, HOUR],
    ['without any end', unified('rejected'), MINUTE],
    ['whose end is over', { ...unified('rejected'), ...spent('5h', -HOUR) }, SECOND],
    ['whose end is too far', { ...unified('rejected'), ...spent('5h', 40 * DAY) }, 5 * HOUR],
    ['of a week whose end is too far', { ...unified('rejected'), ...spent('7d', 40 * DAY) }, 7 * DAY],
    ['of extra usage', { ...unified('rejected', 'overage'), ...unifiedReset(2 * HOUR) }, 2 * HOUR],
    ['of extra usage, too far', { ...unified('rejected', 'overage'), ...unifiedReset(40 * DAY) }, 31 * DAY],
    [
      'of extra usage, with an end of its own',
      { ...unified('rejected', 'overage'), ...unifiedReset(HOUR), ...ends('overage', 9 * DAY) },
      9 * DAY,
    ],
    ['in the hard word for a queue', { ...unified('queueing_hard'), ...unifiedReset(HOUR) }, HOUR],
    [
      'in an older word',
      { ...unified('rate_limited'), ...status('5h', 'blocked'), ...ends('5h', HOUR) },
      HOUR,
    ],
  ])('%s', (_what, headers, lastsMs) => {
    expect(read(headers)).toMatchObject({
      cause: 'window-spent',
      scope: { kind: 'account' },
      until: later(noon, lastsMs),
    })
  })

  it.each([
    ['milliseconds, which nobody sends', `${epoch(HOUR)}000`],
    ['a word', 'soon'],
    ['nothing', ''],
    ['a negative number', '-5'],
    ['a date', '2026-11-20T13:00:00Z'],
  ])('whose end is %s lasts as long as the wait says', (_what, reset) => {
    const headers = { ...unified('rejected'), ...status('5h', 'rejected'), [`${UNIFIED}5h-reset`]: reset }
    expect(read({ ...headers, 'retry-after': '90' })?.until).toBe(later(noon, 90 * SECOND))
  })

  it('is named in the evidence', () => {
    expect(read({ ...fiveHour, ...spent('5h', HOUR) })?.evidence).toBe('its 5h window is spent (429)')
  })

  it.each<[what: string, headers: Fields, window: string | undefined]>([
    ['the window that is rejected', { ...unified('rejected'), ...spent('7d', DAY), ...open('5h') }, '7d'],
    ['the window that is claimed', { ...fiveHour, ...unifiedReset(HOUR) }, '5h'],
    ['extra usage where it is claimed', unified('rejected', 'overage'), 'overage'],
    [
      'extra usage where a plan has nothing else',
      { ...unified('rejected'), ...ends('overage', DAY) },
      'overage',
    ],
    [
      'the plan’s window, though extra usage is claimed',
      { ...unified('rejected', 'overage'), ...spent('5h', HOUR) },
      '5h',
    ],
    ['a family’s window', { ...unified('rejected'), ...open('5h'), ...spent('7d_oi', DAY) }, '7d_oi'],
    ['nothing where nothing is named', unified('rejected'), undefined],
  ])('names %s, so that a reading of it can end what follows', (_what, headers, window) => {
    expect(read(headers)?.window).toBe(window)
  })

  it('of a plan that is nothing but extra usage lasts until that begins anew', () => {
    const headers = { ...unified('rejected'), ...ends('overage', 6 * DAY) }
    expect(read(headers)).toMatchObject({ scope: { kind: 'account' }, until: later(noon, 6 * DAY) })
  })

  it('of a gateway of Anthropic’s own is capped until it says', () => {
    const headers = {
      ...unified('rejected'),
      [`${UNIFIED}overage-reset`]: epoch(20 * DAY),
      [`${UNIFIED}overage-utilization`]: '1',
      [`${UNIFIED}overage-period`]: 'monthly',
      [`${UNIFIED}overage-disabled-reason`]: 'org_spend_cap_reached',
      'retry-after': '3600',
    }
    expect(read(headers, error('billing_error', 'Capped.'))).toMatchObject({
      scope: { kind: 'account' },
      until: later(noon, HOUR),
    })
  })
})

describe('a spent window of one family', () => {
  it.each<[what: string, headers: Fields]>([
    ['metered apart', { ...unified('rejected'), ...open('5h'), ...open('7d'), ...spent('7d_oi', DAY) }],
    ['of Opus', { ...unified('rejected', 'seven_day_opus'), ...spent('7d_opus', DAY) }],
    ['of Sonnet', { ...unified('rejected', 'seven_day_sonnet'), ...spent('7d_sonnet', DAY) }],
    ['named by the claim only', { ...unified('rejected', 'seven_day_opus'), ...unifiedReset(DAY) }],
    [
      'named by the claim while all others are open',
      {
        ...unified('rejected', 'seven_day_overage_included'),
        ...open('5h'),
        ...open('7d'),
        ...unifiedReset(DAY),
      },
    ],
  ])('%s benches that family only', (_what, headers) => {
    expect(read(headers)).toMatchObject({ cause: 'family-spent', scope: OPUS, until: later(noon, DAY) })
  })

  it('is named in the evidence, and so is the family', () => {
    const headers = { ...unified('rejected', 'seven_day_opus'), ...unifiedReset(DAY) }
    expect(read(headers)?.evidence).toBe('its 7d_opus window for opus is spent (429)')
    expect(read(headers, '', false)?.evidence).toBe('its 7d_opus window is spent (429)')
  })

  it('says nothing about the account where no model was asked for', () => {
    const headers = { ...unified('rejected'), ...open('5h'), ...open('7d'), ...spent('7d_oi', DAY) }
    expect(read(headers, '', false)?.scope).toEqual({ kind: 'request' })
  })
})

describe('a throttle', () => {
  const rejectedExtra = { [`${UNIFIED}overage-status`]: 'rejected' }

  it.each<[what: string, headers: Fields, lastsMs: number]>([
    ['seconds', { 'retry-after': '30' }, 30 * SECOND],
    ['seconds with a fraction', { 'retry-after': '1.5' }, 1_500],
    ['milliseconds, which are finer', { 'retry-after-ms': '1500', 'retry-after': '30' }, 1_500],
    ['milliseconds that are garbage', { 'retry-after-ms': 'x', 'retry-after': '30' }, 30 * SECOND],
    ['a date', { 'retry-after': date(40 * SECOND) }, 40 * SECOND],
    ['a date by a fast clock', { 'retry-after': date(HOUR + MINUTE), date: date(HOUR) }, MINUTE],
    ['a date by a slow clock', { 'retry-after': date(MINUTE - HOUR), date: date(-HOUR) }, MINUTE],
    ['a date, and a clock that is garbage', { 'retry-after': date(MINUTE), date: 'now' }, MINUTE],
    ['a date, and a clock that counts', { 'retry-after': date(MINUTE), date: '5' }, MINUTE],
    ['a date that is over', { 'retry-after': date(-HOUR) }, SECOND],
    ['no time at all', { 'retry-after': '0' }, SECOND],
    ['less than no time', { 'retry-after': '-5' }, SECOND],
    ['less than no milliseconds', { 'retry-after-ms': '-5' }, SECOND],
    ['a billion seconds', { 'retry-after': '1000000000' }, 5 * HOUR],
    ['more than a number holds', { 'retry-after': '9'.repeat(400) }, 5 * HOUR],
    ['a date in another century', { 'retry-after': 'Fri, 31 Dec 2173 23:59:59 GMT' }, 5 * HOUR],
    ['seconds, all windows open', { ...unified('allowed'), ...open('5h'), 'retry-after': '20' }, 20 * SECOND],
    ['seconds, a window nearly spent', { ...unified('allowed_warning'), 'retry-after': '20' }, 20 * SECOND],
    [
      'seconds, no extra usage',
      { ...unified('allowed'), ...rejectedExtra, 'retry-after': '20' },
      20 * SECOND,
    ],
    ['an empty meter', meter('requests', '0', 20 * SECOND), 20 * SECOND],
    ['two empty meters', { ...meter('tokens', '0', 5_000), ...meter('output-tokens', '0', 40_000) }, 40_000],
    ['an empty meter and a wait', { ...meter('tokens', '0', 40_000), 'retry-after': '7' }, 7 * SECOND],
    ['a meter that takes too long', meter('input-tokens', '0', HOUR), MINUTE],
    ['a meter that is full again', meter('requests', '0', -HOUR), SECOND],
  ])('that says %s', (_what, headers, lastsMs) => {
    expect(read(headers)).toMatchObject({
      cause: 'throttled',
      scope: { kind: 'account' },
      until: later(noon, lastsMs),
    })
  })

  it('of a ramp is one like any other', () => {
    const body = error('rate_limit_error', 'Slower.', 'ramp_limit_exceeded')
    expect(read({ 'retry-after': '12' }, body)).toMatchObject({
      cause: 'throttled',
      until: later(noon, 12_000),
    })
  })

  it('names its meter in the evidence', () => {
    expect(read(meter('output-tokens', '0', 20 * SECOND))?.evidence).toBe(
      'it throttles output-tokens/min for 20 s (429)',
    )
  })
})

describe('a word for the account’s state that is no refusal', () => {
  it.each(['queueing_soft', 'allowed', 'allowed_warning', 'unheard_of'])(
    '%s benches nobody by itself',
    (word) => {
      expect(read({ ...unified(word, 'five_hour'), ...unifiedReset(HOUR) })).toEqual(REFUSED)
    },
  )

  it.each(['queueing_soft', 'unheard_of'])('%s leaves the wait to be a throttle', (word) => {
    const headers = { ...unified(word), ...spent('5h', HOUR), 'retry-after': '20' }
    expect(read(headers)).toMatchObject({ cause: 'throttled', until: later(noon, 20 * SECOND) })
  })
})

describe('a refusal that names no limit benches nobody (G7)', () => {
  it.each<[what: string, headers: Fields]>([
    ['nothing at all', {}],
    ['advice to retry', { 'x-should-retry': 'true' }],
    ['a page', { 'content-type': 'text/html', server: 'cloudflare' }],
    ['a wait that is a word', { 'retry-after': 'soon' }],
    ['a wait that is nothing', { 'retry-after': '' }],
    ['a wait in exponents', { 'retry-after': '1e9' }],
    ['a wait that is no number', { 'retry-after': 'NaN' }],
    ['a wait without an end', { 'retry-after': 'Infinity' }],
    ['a day that is no date of HTTP', { 'retry-after': '2026-11-20' }],
    ['a weekday of no date', { 'retry-after': 'Fri, soon' }],
    ['a meter that is not empty', meter('requests', '3', 20 * SECOND)],
    ['a meter of which nothing is said', meter('requests', '', 20 * SECOND)],
    ['a meter that is garbage', meter('requests', 'none', 20 * SECOND)],
    ['an empty meter that says seconds', { ...meter('requests', '0', 0), [REQUESTS_RESET]: '5' }],
    ['an empty meter without an end', { ...meter('requests', '0', 0), [REQUESTS_RESET]: '' }],
    ['open windows', { ...unified('allowed'), ...open('5h'), ...open('7d') }],
    ['no extra usage', { [`${UNIFIED}overage-status`]: 'rejected', ...open('5h') }],
    ['a rejected window in an allowed whole', { ...unified('allowed'), ...spent('7d_oi', DAY) }],
    [
      'an invitation to the slow lane',
      { [`${UNIFIED}slow-offer`]: 'true', [`${UNIFIED}slow-retry-after`]: '20' },
    ],
  ])('with %s', (_what, headers) => {
    expect(read(headers, error('rate_limit_error', 'Error'))).toEqual(REFUSED)
  })
})

describe('money', () => {
  it('spent for the month is back with the next month', () => {
    const body = error('rate_limit_error', 'Limit.', 'enforced_spend_limit_reached')
    expect(read({}, body)).toMatchObject({
      cause: 'spend-limit',
      scope: { kind: 'account' },
      until: toMillis(Date.parse('2026-12-01T00:00:00Z')),
    })
  })

  it('spent for the contract is the account’s as well', () => {
    const body = error('rate_limit_error', 'Limit.', 'contract_spend_limit_reached')
    expect(read({}, body)).toMatchObject({ cause: 'spend-limit', scope: { kind: 'account' } })
  })

  it.each<[what: string, headers: Fields, lastsMs: number]>([
    ['until the end that is named', unifiedReset(HOUR), HOUR],
    ['for the wait that is named', { 'retry-after': '90' }, 90 * SECOND],
    ['with a new look soon', {}, 5 * MINUTE],
  ])('that has to be paid first stops the account %s', (_what, headers, lastsMs) => {
    expect(read({ ...unified('payment_required'), ...headers })).toMatchObject({
      cause: 'billing',
      scope: { kind: 'account' },
      until: later(noon, lastsMs),
    })
  })

  it.each([
    'Extra usage is required for long context requests.',
    'Usage credits are required for long context requests.',
  ])('is a matter of the model: %s', (message) => {
    expect(read({}, error('rate_limit_error', message))).toMatchObject({
      cause: 'context-limit',
      scope: { kind: 'model', model: MODEL },
    })
  })

  it('that a long prompt would need is a matter of the model', () => {
    const body = error('rate_limit_error', 'Extra usage is required for long context requests.')
    expect(read({ 'retry-after': '900' }, body)).toMatchObject({
      cause: 'context-limit',
      scope: { kind: 'model', model: MODEL },
      until: later(noon, 5 * MINUTE),
    })
  })
})

/** Of an answer to a request for Opus. */
function read(headers: Fields, body = '', isForModel = true): Failure | undefined {
  const envelope = readErrorEnvelope(body) ?? { type: '', message: '', code: undefined }
  const model = isForModel ? MODEL : undefined
  const answer = { status: 429, headers: Object.entries(headers), body, model, isSide: false, now: noon }
  return readLimitFailure(answer, envelope)
}

function unified(value: string, claim?: string): Fields {
  const claimed = claim === undefined ? {} : { [`${UNIFIED}representative-claim`]: claim }
  return { [`${UNIFIED}status`]: value, ...claimed }
}

function unifiedReset(lastsMs: number): Fields {
  return { [`${UNIFIED}reset`]: epoch(lastsMs) }
}

function status(window: string, value: string): Fields {
  return { [`${UNIFIED}${window}-status`]: value }
}

function ends(window: string, lastsMs: number): Fields {
  return { [`${UNIFIED}${window}-reset`]: epoch(lastsMs) }
}

function spent(window: string, lastsMs: number): Fields {
  return {
    ...status(window, 'rejected'),
    [`${UNIFIED}${window}-utilization`]: '1.0',
    ...ends(window, lastsMs),
  }
}

function open(window: string): Fields {
  return { ...status(window, 'allowed'), [`${UNIFIED}${window}-utilization`]: '0.37' }
}

function meter(name: string, remaining: string, lastsMs: number): Fields {
  const prefix = `anthropic-ratelimit-${name}`
  const reset = new Date(moment(lastsMs)).toISOString()
  return { [`${prefix}-limit`]: '1000', [`${prefix}-remaining`]: remaining, [`${prefix}-reset`]: reset }
}

function date(lastsMs: number): string {
  return new Date(moment(lastsMs)).toUTCString()
}

function epoch(lastsMs: number): string {
  return String(moment(lastsMs) / SECOND)
}

function moment(lastsMs: number): Millis {
  return later(noon, lastsMs)
}

function error(type: string, message: string, code?: string): string {
  const details = code === undefined ? {} : { details: { error_code: code } }
  return JSON.stringify({ type: 'error', error: { type, message, ...details } })
}
