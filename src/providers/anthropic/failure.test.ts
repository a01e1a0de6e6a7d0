/**
 * Recorded shapes of Anthropic's answers and whose fault each is: the tables of `wire.md`
 * §1.6, row by row. How to read a 429 (§1.7) stands in rate-limit.test.ts.
 */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import type { Cause, Failure, Scope } from '../../core/failure.ts'
import { DAY, HOUR, later, MINUTE, SECOND, toMillis } from '../../core/time.ts'
import type { ErrorAnswer } from '../provider.ts'
import { readAnthropicFailure } from './failure.ts'

const noon = toMillis(Date.parse('2026-11-20T12:00:00Z'))
const MODEL = 'claude-opus-5-5'
const ACCOUNT = { kind: 'account' } as const
const REQUEST = { kind: 'request' } as const
const PAGE = '<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1>cloudflare</body></html>'
const SIGNATURE = 'messages.3.content.0: Invalid `signature` in `thinking` block'
const NO_OAUTH = 'OAuth authentication is currently not allowed for this organization.'
const LINKED = 'linked_organization'
const UNIFIED = 'anthropic-ratelimit-unified-status'
const DISABLED = 'This organization has been disabled.'
const EXTRA_USAGE = 'Extra usage is required for long context requests.'

type Fields = Readonly<Record<string, string>>
type Expected = Pick<Failure, 'cause' | 'scope'> & Partial<Failure>
type Row = readonly [what: string, status: number, headers: Fields, body: string, expected?: Expected]

describe('answers that are the request’s own', () => {
  it.each<Row>([
    ['a bad request', 400, {}, invalid('max_tokens: Field required')],
    ['a prompt that is too long', 400, {}, invalid('prompt is too long: 2 tokens > 1 maximum')],
    ['a thinking block of another model', 400, {}, invalid(SIGNATURE)],
    ['the same, labelled 429 by a reseller', 429, {}, error('rate_limit_error', SIGNATURE)],
    ['the same, with a wait', 429, { 'retry-after': '5' }, error('rate_limit_error', SIGNATURE)],
    ['an unknown beta', 400, {}, invalid('Unexpected value(s) `x` for the `anthropic-beta` header')],
    ['an old client', 400, {}, invalid('Update.', 'claude_code_version_too_old')],
    ['a thread that cannot do this', 400, {}, invalid('No.', 'thread_unsupported_request')],
    ['a page for a 400', 400, { 'content-type': 'text/html' }, PAGE],
    ['a 400 without a body', 400, {}, ''],
    ['another organization’s file', 404, {}, notFound('File not found: file_011')],
    ['a file that expired', 404, {}, notFound('Gone.', 'file_expired')],
    ['a thread that is gone', 404, {}, notFound('Gone.', 'thread_not_found')],
    ['a body that is too large', 413, {}, error('request_too_large', 'Request exceeds the maximum')],
    ['an edge’s page for such a body', 413, { 'content-type': 'text/html' }, PAGE],
    ['a method that does not exist', 405, {}, invalid('Method not allowed')],
    ['something unprocessable', 422, {}, invalid('No.')],
    ['billing of a linked organization', 402, {}, billing('No.', `${LINKED}_billing_unavailable`)],
    ['a linked organization’s spend limit', 402, {}, billing('No.', `${LINKED}_spend_limit_reached`)],
    ['not modified', 304, {}, ''],
  ])('%s (%d)', (...row) => check(...row))
})

describe('answers about the account', () => {
  it.each<Row>([
    ['a refused credential', 401, {}, refused('invalid x-api-key'), account('unauthorized')],
    ['an expired token', 401, {}, refused('OAuth token has expired.'), account('unauthorized')],
    ['a refusal by an edge', 401, {}, PAGE, account('unauthorized')],
    ['a payment problem', 402, {}, billing('Pay.'), account('billing', 5 * MINUTE)],
    ['a payment problem without words', 402, {}, '', account('billing', 5 * MINUTE)],
    [
      'too little credit',
      400,
      {},
      invalid('Your credit balance is too low.'),
      account('billing', 5 * MINUTE),
    ],
    ['on hold', 400, {}, invalid('No.', 'organization_on_hold'), account('billing', 5 * MINUTE)],
    ['an organization without OAuth', 403, {}, forbidden(NO_OAUTH), account('forbidden', 5 * MINUTE)],
    ['a disabled organization', 403, {}, forbidden(DISABLED), account('forbidden', 5 * MINUTE)],
    [
      'a suspended account',
      403,
      {},
      forbidden('Your account is suspended.'),
      account('forbidden', 5 * MINUTE),
    ],
  ])('%s (%d)', (...row) => check(...row))

  it.each<[string, string, number]>([
    ['with its end', 'You will regain access on 2026-12-01 at 00:00 UTC.', 10 * DAY + 12 * HOUR],
    ['with a time', 'You will regain access on 2026-11-20 at 18:30 UTC.', 6.5 * HOUR],
    ['with a day only', 'You will regain access on 2026-11-21.', 12 * HOUR],
    ['without an end', 'Ask your administrator.', HOUR],
    ['that is over', 'You will regain access on 2026-11-19.', SECOND],
    ['beyond a month', 'You will regain access on 2031-01-01.', 31 * DAY],
    ['of no real day', 'You will regain access on 2026-99-99.', HOUR],
  ])('a spend limit %s (400)', (_what, rest, lastsMs) => {
    for (const what of ['workspace API', 'API', 'Claude Code API']) {
      const body = invalid(`You have reached your specified ${what} usage limits. ${rest}`)
      expect(read({ status: 400, body })).toMatchObject(account('spend-limit', lastsMs))
    }
  })

  it('the same words in the middle of a message are the request’s own', () => {
    const body = invalid('messages.0: "You have reached your specified API usage limits"')
    expect(read({ status: 400, body })).toBeUndefined()
  })
})

describe('answers about one model on the account', () => {
  it.each<Row>([
    ['a plan without extra usage', 400, {}, invalid(EXTRA_USAGE), model('context-limit', 5 * MINUTE)],
    ['a model without the right', 403, {}, forbidden('No access.'), model('forbidden', 5 * MINUTE)],
    ['an endpoint without OAuth', 403, {}, forbidden('OAuth is not supported.'), model('forbidden')],
    ['a token of too small a scope', 403, {}, forbidden('No scope user:profile'), model('forbidden')],
    ['a page for a 403', 403, {}, PAGE, model('forbidden', 5 * MINUTE)],
    ['an unknown model', 404, {}, notFound(`model: ${MODEL}`), model('model-not-found', 5 * MINUTE)],
    ['an unknown model, in other words', 404, {}, notFound('Not found.'), model('model-not-found')],
  ])('%s (%d)', (...row) => check(...row))
})

describe('answers about nobody in particular, which are worth another account', () => {
  it.each<Row>([
    ['an error of the server', 500, {}, error('api_error', 'Internal'), request('server-error')],
    ['an error without a body', 500, {}, '', request('server-error')],
    ['a bad gateway’s page', 502, { 'content-type': 'text/html' }, PAGE, request('server-error')],
    ['an unavailable server', 503, { 'retry-after': '30' }, '', request('server-error')],
    ['no key service', 503, {}, error('api_error', '', 'cmek_context_unavailable'), request('server-error')],
    ['a timeout of the server', 504, {}, error('timeout_error', 'Late.'), request('server-error')],
    ['an edge’s own status', 522, {}, PAGE, request('server-error')],
    ['an overload', 529, {}, error('overloaded_error', 'Overloaded'), request('overloaded')],
    ['an overload without words', 529, {}, PAGE, request('overloaded')],
    ['an overload in another status', 503, {}, error('overloaded_error', ''), request('overloaded')],
    [
      'no compaction',
      529,
      {},
      error('overloaded_error', '', 'compaction_unavailable'),
      request('overloaded'),
    ],
    ['a request that timed out', 408, {}, '', request('request-timeout')],
    ['a conflict', 409, {}, error('conflict_error', 'No.'), request('conflict')],
    [
      'a thread in use',
      409,
      {},
      error('conflict_error', '', 'thread_continue_in_flight'),
      request('conflict'),
    ],
    ['a wrong base URL', 404, {}, PAGE, request('bad-response')],
    ['a redirect', 302, { location: 'https://evil.com' }, '', request('redirect')],
    ['a permanent redirect', 308, { location: '/v2/messages' }, '', request('redirect')],
  ])('%s (%d)', (...row) => check(...row))
})

describe('x-should-retry', () => {
  it.each([
    [500, 'false', true],
    [529, 'false', true],
    [429, 'false', true],
    [401, 'false', true],
    [500, 'true', undefined],
    [500, 'no', undefined],
  ])('on a %d: %s', (status, value, final) => {
    expect(read({ status, headers: { 'x-should-retry': value } })?.final).toBe(final)
  })

  it('makes no failure of an answer that is none', () => {
    expect(read({ status: 400, headers: { 'x-should-retry': 'false' } })).toBeUndefined()
  })
})

describe('answers of endpoints beside inference, which never bench', () => {
  it.each<Row>([
    ['no such model', 404, {}, notFound(`model: ${MODEL}`), request('model-not-found')],
    ['no such endpoint', 404, {}, 'Not Found', request('bad-response')],
    ['a model without the right', 403, {}, forbidden('No access.'), request('forbidden')],
    ['a limit of their own', 429, { 'retry-after': '30' }, '', request('throttled', 30 * SECOND)],
    ['a limit without a reason', 429, {}, '', request('request-refused')],
    ['extra usage', 429, {}, error('rate_limit_error', EXTRA_USAGE), request('context-limit')],
    ['extra usage', 400, {}, invalid(EXTRA_USAGE), request('context-limit')],
    ['an overload', 529, {}, '', request('overloaded')],
  ])('%s (%d)', (_what, status, headers, body, expected) => {
    expect(read({ status, headers, body, isSide: true })).toMatchObject({ ...expected })
  })

  it('a 404 where there is no model is the request’s own', () => {
    const body = notFound('Not found.')
    expect(read({ status: 404, body, model: undefined, isSide: true })).toBeUndefined()
  })

  it('a 403 where there is no model concerns the request', () => {
    expect(read({ status: 403, model: undefined, isSide: true })).toMatchObject(request('forbidden'))
  })

  it('but a window that is spent is spent everywhere', () => {
    const headers = { [UNIFIED]: 'rejected', 'retry-after': '90' }
    expect(read({ status: 429, headers, isSide: true })).toMatchObject(account('window-spent', 90 * SECOND))
  })

  it('but a refused credential is refused everywhere', () => {
    expect(read({ status: 401, isSide: true })).toMatchObject(account('unauthorized'))
  })
})

describe('whatever an upstream answers', () => {
  const statuses = fc.integer({ min: 300, max: 599 })

  it('a cooldown begins now and ends within a month', () => {
    const names = fc.constantFrom('retry-after', 'retry-after-ms', 'date', UNIFIED, `${UNIFIED}-5h-reset`)
    const values = fc.oneof(fc.string(), fc.constantFrom('rejected', '0', '-1', '99999999999', '1795176000'))
    const bodies = fc.oneof(
      fc.string(),
      fc.json(),
      fc.string().map((message) => invalid(message)),
    )
    fc.assert(
      fc.property(statuses, fc.dictionary(names, values), bodies, (status, headers, body) => {
        const { until = later(noon, HOUR) } = read({ status, headers, body }) ?? {}
        expect(until).toBeGreaterThanOrEqual(later(noon, SECOND))
        expect(until).toBeLessThanOrEqual(later(noon, 31 * DAY))
      }),
    )
  })

  it('what people are shown of it holds nothing that the upstream wrote', () => {
    const canary = 'CANARY-secret'
    const headers = { [`${UNIFIED}`]: 'rejected', 'retry-after': canary, location: canary }
    const types = fc.constantFrom('', canary, 'overloaded_error', 'not_found_error')
    fc.assert(
      fc.property(statuses, types, fc.constantFrom(canary, undefined), (status, type, code) => {
        const { evidence = '' } = read({ status, headers, body: error(type, `model ${canary}`, code) }) ?? {}
        expect(evidence).not.toContain(canary)
      }),
    )
  })
})

/** Takes what `it.each` hands over: a row, and a callback that nobody needs. */
function check(...[_what, status, headers, body, expected]: readonly [...Row, unknown?]): void {
  const failure = read({ status, headers, body })
  if (expected === undefined) expect(failure).toBeUndefined()
  else expect(failure).toMatchObject(expected)
}

type Given = Partial<Omit<ErrorAnswer, 'headers'>> & { readonly status: number; readonly headers?: Fields }

function read({ headers = {}, ...given }: Given): Failure | undefined {
  const answer = { body: '', model: MODEL, isSide: false, now: noon, ...given }
  return readAnthropicFailure({ ...answer, headers: Object.entries(headers) })
}

function account(cause: Cause, lastsMs?: number): Expected {
  return expected(cause, ACCOUNT, lastsMs)
}

function model(cause: Cause, lastsMs?: number): Expected {
  return expected(cause, { kind: 'model', model: MODEL }, lastsMs)
}

function request(cause: Cause, lastsMs?: number): Expected {
  return expected(cause, REQUEST, lastsMs)
}

function expected(cause: Cause, scope: Scope, lastsMs: number | undefined): Expected {
  return { cause, scope, ...(lastsMs === undefined ? {} : { until: later(noon, lastsMs) }) }
}

function invalid(message: string, code?: string): string {
  return error('invalid_request_error', message, code)
}

function notFound(message: string, code?: string): string {
  return error('not_found_error', message, code)
}

function billing(message: string, code?: string): string {
  return error('billing_error', message, code)
}

function refused(message: string): string {
  return error('authentication_error', message)
}

function forbidden(message: string): string {
  return error(
    'permission_error',
    message,
    message === NO_OAUTH ? 'oauth_not_allowed_for_organization' : undefined,
  )
}

function error(type: string, message: string, code?: string): string {
  const details = code === undefined ? {} : { details: { error_code: code } }
  return JSON.stringify({ type: 'error', error: { type, message, ...details }, request_id: 'req_011CabC' })
}
