/** The table of providers: complete, closed, each credential where it belongs, and nobody unfair. */
import { describe, expect, it } from 'bun:test'
import fc from 'fast-check'
import { failureOf, hiddenStatusOf, NOON, textOf, usageOf } from '../../test/support/recorded.ts'
import { DAY, SECOND } from '../core/time.ts'
import { baseUrlProblem, parseEndpoint } from './base-url.ts'
import { PROVIDERS, providerOf } from './registry.ts'

const SECRET = 'CANARY-secret'
const KEY = ['x-api-key', SECRET] as const
const BEARER = ['authorization', `Bearer ${SECRET}`] as const
const API_KEY = ['api-key', SECRET] as const
const LOCAL = 'http://localhost'
const CREDENTIALS = ['authorization', 'x-api-key', 'api-key']

/** As `wire.md` §4.1 has them: where each is, how it signs, whether it may need no credential, how usage is asked. */
const TABLE = [
  ['console', 'https://api.anthropic.com', KEY, 'key', undefined],
  ['claude-oauth', 'https://api.anthropic.com', BEARER, 'sign-in', '/api/oauth/usage'],
  ['foundry', undefined, KEY, 'key', undefined],
  ['claude-aws', undefined, KEY, 'key', undefined],
  ['zai', 'https://api.z.ai/api/anthropic', KEY, 'key', '/api/monitor/usage/quota/limit'],
  ['minimax', 'https://api.minimax.io/anthropic', BEARER, 'key', '/v1/token_plan/remains'],
  ['kimi-code', 'https://api.kimi.com/coding', BEARER, 'key', '/coding/v1/usages'],
  ['moonshot', 'https://api.moonshot.ai/anthropic', BEARER, 'key', '/v1/users/me/balance'],
  ['deepseek', 'https://api.deepseek.com/anthropic', KEY, 'key', '/user/balance'],
  ['nanogpt', 'https://nano-gpt.com/api', KEY, 'key', '/api/subscription/v1/usage'],
  ['openrouter', 'https://openrouter.ai/api', BEARER, 'key', '/api/v1/key'],
  ['opencode-go', 'https://opencode.ai/zen/go', BEARER, 'key', '/zen/go/v1/usage'],
  ['anthropic-compatible', undefined, KEY, 'optional-key', undefined],
  ['alibaba', 'https://dashscope-intl.aliyuncs.com/apps/anthropic', KEY, 'key', undefined],
  ['alibaba-plan', 'https://coding-intl.dashscope.aliyuncs.com/apps/anthropic', KEY, 'key', undefined],
  ['xiaomi-mimo', 'https://api.xiaomimimo.com/anthropic', API_KEY, 'key', undefined],
  ['xiaomi-mimo-plan', 'https://token-plan-sgp.xiaomimimo.com/anthropic', API_KEY, 'key', undefined],
  ['vercel', 'https://ai-gateway.vercel.sh', BEARER, 'key', undefined],
  ['meta', 'https://api.meta.ai', BEARER, 'key', undefined],
  ['ollama', `${LOCAL}:11434`, BEARER, 'optional-key', undefined],
  ['lm-studio', `${LOCAL}:1234`, BEARER, 'optional-key', undefined],
  ['llama-cpp', `${LOCAL}:8080`, BEARER, 'optional-key', undefined],
  ['vllm', `${LOCAL}:8000`, BEARER, 'optional-key', undefined],
] as const
const IDS = TABLE.map(([id]) => id)

it('the table knows every provider, in the order in which people are offered them', () => {
  expect(PROVIDERS.map(({ id }) => id)).toEqual(IDS as readonly string[] as string[])
  expect(new Set(IDS).size).toBe(IDS.length)
})

describe('the row of', () => {
  it.each(TABLE.map((row) => [row[0], row] as const))('%s is as the wire reference has it', (id, row) => {
    const [, baseUrl, header, credential, usagePath] = row
    const found = providerOf(id)
    expect(found?.baseUrl).toBe(baseUrl)
    expect(found?.credential).toBe(credential)
    expect(found?.sign(SECRET)).toEqual([header])
    expect(found?.usage?.path).toBe(usagePath)
  })

  it.each(PROVIDERS.map((each) => [each.id, each] as const))('%s can be told and addressed', (id, each) => {
    expect(id).toMatch(/^[a-z][a-z0-9-]*$/)
    expect(providerOf(id)).toBe(each)
    expect(each.label).not.toBe('')
    if (each.baseUrl !== undefined) expect(baseUrlProblem(each.baseUrl, [])).toBeUndefined()
    for (const model of each.models) expect(model).toMatch(/^[A-Za-z0-9][\w./-]*$/)
    for (const note of each.notes) expect(note).toMatch(/^[A-Z].{10,}\.$/)
    expect(each.baseUrl !== undefined || each.notes.length > 0).toBe(true)
  })

  it.each(PROVIDERS.map((each) => [each.id, each] as const))(
    '%s shows one credential and nothing else',
    (_id, each) => {
      for (const secret of [SECRET, `Bearer ${SECRET}`]) {
        const headers = each.sign(secret)
        expect(headers).toHaveLength(1)
        const [name = '', value = ''] = headers[0] ?? []
        expect(CREDENTIALS).toContain(name)
        expect([SECRET, `Bearer ${SECRET}`]).toContain(value)
      }
      if (each.credential === 'optional-key') expect(each.sign('')).toEqual([])
    },
  )

  it.each(PROVIDERS.flatMap(({ id, usage }) => (usage === undefined ? [] : [[id, usage] as const])))(
    '%s asks for usage now and then, with the credential',
    (_id, usage) => {
      expect(usage.path).toMatch(/^\/[^\s]+$/)
      if (usage.origin !== undefined)
        expect(parseEndpoint(usage.origin)).toMatchObject({ isSecure: true, path: '' })
      expect(usage.everyMs).toBeGreaterThanOrEqual(300 * SECOND)
      for (const sign of usage.signs) {
        const shown = sign(SECRET).filter(([name]) => CREDENTIALS.includes(name))
        expect(shown.map(([, value]) => value.replace('Bearer ', ''))).toEqual([SECRET])
      }
    },
  )
})

describe('a compatible endpoint', () => {
  it('gets its key in one place, the dialect’s own', () => {
    expect(providerOf('anthropic-compatible')?.sign('k')).toEqual([['x-api-key', 'k']])
  })

  it('gets it as a bearer token where it was given as one', () => {
    expect(providerOf('anthropic-compatible')?.sign('Bearer k')).toEqual([['authorization', 'Bearer k']])
  })

  it('may need no key', () => expect(providerOf('anthropic-compatible')?.sign('')).toEqual([]))
})

it('a sign-in needs its beta, and nobody else does', () => {
  const betas = PROVIDERS.flatMap((each) => (each.betas === undefined ? [] : [[each.id, each.betas]]))
  expect(betas).toEqual([['claude-oauth', ['oauth-2025-04-20']]])
})

it.each(['', 'Console', 'constructor', 'nobody'])('there is no provider "%s"', (id) => {
  expect(providerOf(id)).toBeUndefined()
})

describe.each(IDS)('whatever %s answers', (id) => {
  const CODES = ['1308', '1310', '1302', '2056', '1008', '402', '429', 1113, 502, 'AuthError']
  const TYPES = [
    '',
    '1308',
    'GoUsageLimitError',
    'exceeded_current_quota_error',
    'rate_limit_error',
    'CANARY',
  ]
  const WORDS = [
    '',
    'CANARY (2056)',
    'CANARY [1308]',
    'Reset at 2126-01-01 00:00:00',
    'Resets in 9999 days',
    '<',
  ]
  const errors = fc.record({
    type: fc.constantFrom(...TYPES),
    code: fc.constantFrom(...CODES, undefined),
    message: fc.constantFrom(...WORDS),
    metadata: fc.constantFrom(undefined, { limit_source: 'openrouter_key_limit', resets_at: 9e15 }, 5),
  })
  const bodies = fc.oneof(
    fc.string(),
    fc.json(),
    errors.map((error) => textOf({ type: 'error', error })),
    errors.map(({ code, message }) =>
      textOf({ code, msg: message, success: false, base_resp: { status_code: code } }),
    ),
  )
  const statuses = fc.integer({ min: 200, max: 599 })
  const headers = fc.dictionary(
    fc.constantFrom('retry-after', 'anthropic-ratelimit-unified-status'),
    fc.constantFrom('5', 'CANARY', '99999999999', '-1', 'rejected'),
  )

  it('a cooldown begins now, ends within a month, and tells nothing that was written there', () => {
    fc.assert(
      fc.property(statuses, headers, bodies, (status, fields, body) => {
        const failure = failureOf(id, { status, headers: fields, body })
        const until = failure?.until ?? NOON + SECOND
        expect(until).toBeGreaterThanOrEqual(NOON + SECOND)
        expect(until).toBeLessThanOrEqual(NOON + 31 * DAY)
        expect(failure?.evidence ?? '').not.toContain('CANARY')
      }),
      { numRuns: 300 },
    )
  })

  it('nobody throws, and a hidden error is one with a status', () => {
    fc.assert(
      fc.property(statuses, bodies, (status, body) => {
        const hidden = hiddenStatusOf(id, body) ?? 400
        expect(hidden >= 400 && hidden < 600).toBe(true)
        if (providerOf(id)?.usage !== undefined) expect(usageOf(id, { status, body })).toHaveProperty('kind')
      }),
    )
  })
})
