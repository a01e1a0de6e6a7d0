/** Providers without readers of their own: recorded answers of each, read as Anthropic's. */
import { describe, expect, it } from 'bun:test'
import {
  ACCOUNT,
  afterNoon,
  failureOf,
  NOON,
  OF_MODEL,
  provider,
  REQUEST,
  type Recorded,
} from '../../test/support/recorded.ts'
import type { Failure } from '../core/failure.ts'
import { MINUTE, SECOND } from '../core/time.ts'

type Row = readonly [id: string, what: string, recorded: Recorded, expected: Partial<Failure> | undefined]

const UNIFIED = 'anthropic-ratelimit-unified-'

describe('the clouds that serve Claude', () => {
  it.each<Row>([
    [
      'foundry',
      'a deployment that does not exist',
      { status: 404, body: error('not_found_error', 'model: claude-x') },
      { cause: 'model-not-found', scope: OF_MODEL },
    ],
    [
      'foundry',
      'a throttle',
      { headers: { 'retry-after': '20' }, body: error('rate_limit_error', 'Slower.') },
      { cause: 'throttled', scope: ACCOUNT, until: afterNoon(20 * SECOND) },
    ],
    [
      'claude-aws',
      'a workspace that was not named',
      { status: 400, body: error('invalid_request_error', 'anthropic-workspace-id: required') },
      undefined,
    ],
    [
      'claude-aws',
      'an overload',
      { status: 529, body: error('overloaded_error', '') },
      { cause: 'overloaded' },
    ],
    ['console', 'a wrong key', { status: 401 }, { cause: 'unauthorized', scope: ACCOUNT }],
    [
      'claude-oauth',
      'a spent window',
      { headers: { [`${UNIFIED}status`]: 'rejected', [`${UNIFIED}representative-claim`]: 'five_hour' } },
      { cause: 'window-spent', scope: ACCOUNT, window: '5h' },
    ],
  ])('%s: %s', (...row) => check(...row))

  it.each(['console', 'claude-oauth', 'foundry', 'claude-aws'])('%s tells its limits in headers', (id) => {
    const meter = (name: string, value: string) => [`anthropic-ratelimit-requests-${name}`, value] as const
    const headers = [meter('limit', '10'), meter('remaining', '4')]
    expect(provider(id).readLimits(headers, NOON)?.windows).toMatchObject([
      { name: 'requests/min', utilization: 0.6 },
    ])
  })
})

describe('compatible endpoints', () => {
  it.each<Row>([
    [
      'alibaba',
      'a wrong key',
      { status: 401, body: { code: 'InvalidApiKey', message: 'Invalid API-key provided.', request_id: 'x' } },
      { cause: 'unauthorized', scope: ACCOUNT },
    ],
    [
      'alibaba-plan',
      'a rate that grows too fast',
      { status: 429, body: { code: 'Throttling.RateQuota', message: 'Requests rate limit exceeded.' } },
      { cause: 'request-refused', scope: REQUEST },
    ],
    [
      'xiaomi-mimo',
      'no balance',
      { status: 402, body: { error: { code: '402', message: 'Insufficient balance', type: '' } } },
      { cause: 'billing', scope: ACCOUNT, until: afterNoon(5 * MINUTE) },
    ],
    [
      'xiaomi-mimo-plan',
      'a wrong parameter',
      { status: 400, body: error('invalid_request_error', 'No.') },
      undefined,
    ],
    [
      'vercel',
      'no credits',
      { status: 402, body: error('insufficient_funds', 'Insufficient funds.') },
      { cause: 'billing', scope: ACCOUNT },
    ],
    ['meta', 'a bad gateway', { status: 502, body: '<html>' }, { cause: 'server-error', scope: REQUEST }],
    [
      'anthropic-compatible',
      'a wrong base URL',
      { status: 404, body: '<html>' },
      { cause: 'bad-response', scope: REQUEST },
    ],
  ])('%s: %s', (...row) => check(...row))
})

describe('the operator’s own servers', () => {
  it.each<Row>([
    [
      'ollama',
      'a model that was not pulled',
      { status: 404, body: error('not_found_error', "model 'some-model' not found") },
      { cause: 'model-not-found', scope: OF_MODEL },
    ],
    [
      'ollama',
      'a feature it lacks',
      { status: 400, body: error('invalid_request_error', 'url images') },
      undefined,
    ],
    [
      'lm-studio',
      'an endpoint it lacks',
      {
        status: 404,
        isSide: true,
        body: { error: 'Unexpected endpoint or method. (POST /v1/messages/count_tokens)' },
      },
      { cause: 'bad-response', scope: REQUEST },
    ],
    [
      'llama-cpp',
      'a prompt that is too long',
      {
        status: 400,
        body: { error: { code: 400, message: 'exceeds the context', type: 'exceed_context_size_error' } },
      },
      undefined,
    ],
    [
      'llama-cpp',
      'a model that is still loading',
      { status: 503, body: { error: { code: 503, message: 'Loading model', type: 'unavailable_error' } } },
      { cause: 'server-error', scope: REQUEST },
    ],
    [
      'vllm',
      'a name it does not serve',
      {
        status: 404,
        body: { error: { message: 'The model `x` does not exist.', type: 'NotFoundError', code: 404 } },
      },
      { cause: 'model-not-found', scope: OF_MODEL },
    ],
  ])('%s: %s', (...row) => check(...row))
})

/** Takes what `it.each` hands over: a row, and a callback that nobody needs. */
function check(...[id, _what, recorded, expected]: readonly [...Row, unknown?]): void {
  const failure = failureOf(id, recorded)
  if (expected === undefined) expect(failure).toBeUndefined()
  else expect(failure).toMatchObject(expected)
}

function error(type: string, message: string): object {
  return { type: 'error', error: { type, message } }
}
