/** Texts of Anthropic's OAuth (`wire.md` §2): what is pasted, and what token endpoint, profile and key endpoint answer. */
import { describe, expect, it } from 'bun:test'
import { NOON } from '../../../test/support/samples.ts'
import { later, MINUTE, SECOND } from '../../core/time.ts'
import {
  authorizeUrl,
  exchangeBody,
  readCreatedKey,
  readPasted,
  readProfile,
  readTokenAnswer,
  renewalBody,
} from './oauth.ts'

const question = {
  mode: 'max',
  url: '',
  clientId: 'a client & more',
  redirectUri: 'https://x.test/cb?a=1',
  challenge: 'c',
  state: 's',
} as const

describe('the authorize URL', () => {
  it.each([
    ['', 'https://claude.ai/oauth/authorize?code=true'],
    ['https://x.test', 'https://x.test/oauth/authorize?code=true'],
    ['https://x.test:8443/', 'https://x.test:8443/oauth/authorize?code=true'],
    ['https://x.test/login', 'https://x.test/login?code=true'],
    ['https://x.test/login?a=b', 'https://x.test/login?a=b&code=true'],
    ['https://x.test?a=b', 'https://x.test/oauth/authorize?a=b&code=true'],
    ['https://x.test/login#top', 'https://x.test/login?code=true'],
  ])('with the setting %p begins %s', (url, start) => {
    expect(authorizeUrl({ ...question, url })).toStartWith(start)
  })

  it('says everything once, and in a way that can be read again', () => {
    const query = new URL(authorizeUrl({ ...question, mode: 'console' })).searchParams
    expect([...query.keys()]).toEqual([...new Set(query.keys())])
    expect(query.get('client_id')).toBe('a client & more')
    expect(query.get('redirect_uri')).toBe('https://x.test/cb?a=1')
    expect(query.get('scope')?.split(' ')[0]).toBe('org:create_api_key')
  })
})

describe('what is sent', () => {
  it('for a code', () => {
    const fields = { code: 'c', state: 's', clientId: 'i', redirectUri: 'https://x.test', verifier: 'v' }
    expect(JSON.parse(exchangeBody(fields))).toEqual({
      grant_type: 'authorization_code',
      code: 'c',
      state: 's',
      client_id: 'i',
      redirect_uri: 'https://x.test',
      code_verifier: 'v',
    })
  })

  it('for a renewal', () => {
    const fields = { grant_type: 'refresh_token', refresh_token: 't"', client_id: 'i' }
    expect(JSON.parse(renewalBody('t"', 'i'))).toEqual(fields)
  })
})

describe('what is pasted', () => {
  it.each([
    ['code#state', { kind: 'code', code: 'code', state: 'state' }],
    ['  code#state\r\n', { kind: 'code', code: 'code', state: 'state' }],
    ['https://x.test/cb?code=c%2B1&state=s', { kind: 'code', code: 'c+1', state: 's' }],
    ['https://x.test/cb?error=access_denied&state=s', { kind: 'denied', reason: 'access_denied' }],
    ['https://x.test/cb?error=e&error_description=He%20said%20no', { kind: 'denied', reason: 'He said no' }],
    ['https://x.test/cb?code=c', { kind: 'incomplete' }],
    ['https://x.test/cb', { kind: 'incomplete' }],
    ['https://', { kind: 'incomplete' }],
    ['https://[', { kind: 'incomplete' }],
    ['', { kind: 'incomplete' }],
    ['#', { kind: 'incomplete' }],
    ['code', { kind: 'incomplete' }],
    ['code#', { kind: 'incomplete' }],
    ['#state', { kind: 'incomplete' }],
  ] as const)('%p', (text, expected) => {
    expect(readPasted(text)).toEqual(expected)
  })
})

describe('the token endpoint’s answer', () => {
  const read = (status: number, body: unknown, more: { readonly secrets?: readonly string[] } = {}) =>
    readTokenAnswer({
      status,
      headers: [],
      body: typeof body === 'string' ? body : JSON.stringify(body),
      now: NOON,
      ...more,
    })

  const TOKENS = {
    token_type: 'Bearer',
    access_token: 'a',
    refresh_token: 'r',
    expires_in: 28_800,
    scope: 'x y',
  }

  it('holds tokens, and whose they are', () => {
    const owner = {
      organization: { uuid: 'o', name: 'Acme' },
      account: { uuid: 'u', email_address: 'dev@acme.test' },
    }
    expect(read(200, { ...TOKENS, ...owner })).toEqual({
      kind: 'tokens',
      tokens: {
        accessToken: 'a',
        refreshToken: 'r',
        expiresAt: later(NOON, 28_800 * SECOND),
        scopes: ['x', 'y'],
        standing: { organization: 'o', organizationName: 'Acme', email: 'dev@acme.test' },
      },
    })
  })

  it.each([
    ['no refresh token', { refresh_token: undefined }, { refreshToken: undefined }],
    ['an empty refresh token', { refresh_token: '' }, { refreshToken: undefined }],
    ['a refresh token that is none', { refresh_token: 5 }, { refreshToken: undefined }],
    ['no scope', { scope: null }, { scopes: [] }],
    ['no type', { token_type: undefined }, { accessToken: 'a' }],
    ['a type in small letters', { token_type: 'bearer' }, { accessToken: 'a' }],
    ['an owner that is none', { organization: 'Acme', account: [1] }, { standing: {} }],
    ['an owner without end', { organization: { name: 'A'.repeat(201), uuid: 7 } }, { standing: {} }],
    ['an end in a thousand years', { expires_in: 3e10 }, { expiresAt: later(NOON, 400 * 24 * 60 * MINUTE) }],
  ])('may hold %s', (_what, more, expected) => {
    expect(read(200, { ...TOKENS, ...more })).toMatchObject({ kind: 'tokens', tokens: expected })
  })

  it.each([
    ['without a token', { access_token: undefined }, 'holds no access token'],
    ['with a token that no header can hold', { access_token: 'a\r\nb' }, 'holds no access token'],
    ['of another type', { token_type: 'MAC\u001b[2J' }, 'of the type "MAC [2J"'],
    ['without an end', { expires_in: undefined }, 'did not say how long'],
    ['that has ended', { expires_in: 0 }, 'did not say how long'],
    ['with an end that is a text', { expires_in: '28800' }, 'did not say how long'],
  ])('%s cannot be used', (_what, more, evidence) => {
    const answer = read(200, { ...TOKENS, ...more })
    expect(answer).toMatchObject({ kind: 'unusable', evidence: expect.stringContaining(evidence) })
  })

  it.each([
    [
      400,
      { error: 'invalid_grant', error_description: 'Gone' },
      'revoked',
      'no longer knows its grant: Gone',
    ],
    [400, { error: 'refresh_token_reused' }, 'revoked', 'had been used already'],
    [401, { error: 'invalid_client' }, 'refused', '(invalid_client)'],
    [400, { error: { type: 'invalid_request_error', message: 'x' } }, 'later', '400 (invalid_request_error)'],
    [403, {}, 'later', 'answered 403'],
    [400, [], 'later', '400 with no JSON'],
    [200, '', 'later', '200 with no JSON'],
    [302, '<html>', 'later', '302 with no JSON'],
    [500, { error: 'invalid_grant' }, 'later', 'answered 500'],
    [429, {}, 'later', '(429)'],
  ] as const)('%p %p is %s', (status, body, kind, evidence) => {
    expect(read(status, body)).toMatchObject({ kind, evidence: expect.stringContaining(evidence) })
  })

  it('from something in between is told by its type', () => {
    const headers = [['content-type', 'text/html; charset=utf-8']] as const
    const answer = readTokenAnswer({ status: 200, headers, body: '<html>', now: NOON })
    expect(answer).toMatchObject({ kind: 'later', evidence: expect.stringContaining('with a web page') })
  })

  it.each([
    ['7', MINUTE],
    ['300', 5 * MINUTE],
    ['nonsense', 5 * MINUTE],
  ])('that says to wait %s is obeyed', (wait, waitMs) => {
    const headers = [['retry-after', wait]] as const
    expect(readTokenAnswer({ status: 429, headers, body: '', now: NOON })).toMatchObject({
      kind: 'later',
      waitMs,
    })
  })

  it.each([
    ['a description', (text: string) => ({ error: 'invalid_request', error_description: text })],
    ['a code', (text: string) => ({ error: text })],
    ['a type', (text: string) => ({ error: { type: text } })],
  ])('repeats no secret, no half of one, no control character and no long text in %s', (_where, spoil) => {
    const secrets = ['CANARY-refresh-token', 'CANARY-other']
    for (const before of [0, 190, 195])
      for (const secret of secrets) {
        const body = spoil(`${'x'.repeat(before)}${secret}\r\n\u001b]0;\u202e${'y'.repeat(5_000)}`)
        const answer = read(400, body, { secrets })
        const evidence = 'evidence' in answer ? answer.evidence : ''
        expect(evidence).not.toMatch(/CANARY|[\p{Cc}\p{Cf}]/u)
        expect(evidence.length).toBeLessThan(300)
      }
  })
})

describe('the profile', () => {
  const organization = { uuid: 'o', name: 'Acme', organization_type: 'claude_max' }

  it.each([
    ['default_claude_max_20x', 20],
    ['default_claude_max_5x', 5],
    ['default_claude_ai', undefined],
    [undefined, undefined],
    [20, undefined],
  ])('with the limit tier %p says the size %p', (rate_limit_tier, tier) => {
    const body = JSON.stringify({
      account: { email: 'dev@acme.test' },
      organization: { ...organization, rate_limit_tier },
    })
    expect(readProfile(body)).toEqual({
      standing: { organization: 'o', organizationName: 'Acme', plan: 'claude_max', email: 'dev@acme.test' },
      tier,
    })
  })

  it.each(['', '<html>', 'null', '[]', '{}', '{"organization":null}', '{"organization":[]}'])(
    '%p is none',
    (body) => {
      expect(readProfile(body)).toBeUndefined()
    },
  )
})

describe('a created key', () => {
  it.each([
    ['{"raw_key":"sk-1"}', 'sk-1'],
    ['{"raw_key":null}', undefined],
    ['{"raw_key":""}', undefined],
    ['{"raw_key":"a b"}', undefined],
    ['<html>', undefined],
  ])('of %p is %p', (body, key) => {
    expect(readCreatedKey(body)).toBe(key)
  })
})
