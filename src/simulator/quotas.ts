/**
 * The quota and balance endpoints of other vendors, as the simulated provider answers them
 * (`wire.md` §4.2): each in its vendor's own shape and units, with resets ahead of the given
 * moment. How most refuse is not on record; a 401 stands for it. Pure.
 */
import { DAY, HOUR, MINUTE, toIso, toMillis } from '../core/time.ts'
import { pathOf } from './healthy.ts'
import { json, type Reply, whole } from './replies.ts'
import type { Received } from './simulator.ts'

/** Undefined where the request is for no such endpoint. */
export function quotaReply(request: Received, now: number): Reply | undefined {
  const vendor = request.method === 'GET' ? VENDORS.get(pathOf(request)) : undefined
  if (vendor === undefined) return undefined
  return request.key === '' ? vendor.refusal : json(vendor.answer(now))
}

interface Vendor {
  readonly answer: (now: number) => object
  /** To a request without a credential. */
  readonly refusal: Reply
}

function unauthorized(error: object): Reply {
  return whole(401, JSON.stringify(error))
}

/** In this time the windows of hours, weeks and months reset. */
const SESSION_MS = 2 * HOUR + 30 * MINUTE
const WEEK_MS = 4 * DAY
const MONTH_MS = 20 * DAY

const isoIn = (now: number, lengthMs: number): string => toIso(toMillis(now + lengthMs))

/** With HTTP 200, as the vendor does. */
const ZAI: Vendor = {
  refusal: json({ code: 401, success: false, msg: 'token expired or incorrect' }),
  answer: (now) => ({
    code: 200,
    success: true,
    data: {
      level: 'pro',
      limits: [
        { type: 'TOKENS_LIMIT', unit: 3, number: 5, percentage: 12, nextResetTime: now + SESSION_MS },
        { type: 'TOKENS_LIMIT', unit: 6, number: 7, percentage: 40, nextResetTime: now + WEEK_MS },
        {
          type: 'TIME_LIMIT',
          unit: 5,
          number: 1,
          percentage: 3,
          currentValue: 2,
          remaining: 98,
          usageDetails: [{ modelCode: 'search-prime', usage: 2 }],
        },
      ],
    },
  }),
}

/** With HTTP 200, as the vendor does; percentages are what remains. */
const MINIMAX: Vendor = {
  refusal: json({ base_resp: { status_code: 1004, status_msg: 'login fail' } }),
  answer: (now) => ({
    base_resp: { status_code: 0, status_msg: 'success' },
    model_remains: [
      {
        model_name: 'general',
        start_time: now + SESSION_MS - 5 * HOUR,
        end_time: now + SESSION_MS,
        remains_time: SESSION_MS,
        current_interval_remaining_percent: 71,
        current_weekly_remaining_percent: 88,
        weekly_end_time: now + WEEK_MS,
      },
    ],
  }),
}

/** Numbers are texts, and one of `used` and `remaining` may be missing. */
const KIMI: Vendor = {
  refusal: unauthorized({
    error: { type: 'invalid_authentication_error', message: 'Invalid Authentication' },
  }),
  answer: (now) => ({
    user: { membership: { level: 'LEVEL_BASIC' } },
    usage: { limit: '1000', used: '120', remaining: '880', resetTime: isoIn(now, WEEK_MS) },
    limits: [
      {
        window: { duration: 300, timeUnit: 'TIME_UNIT_MINUTE' },
        detail: { limit: '50', remaining: '40', resetTime: isoIn(now, SESSION_MS) },
      },
    ],
  }),
}

const MOONSHOT: Vendor = {
  refusal: KIMI.refusal,
  answer: () => ({
    code: 0,
    scode: '0x0',
    status: true,
    data: { available_balance: 49.5, voucher_balance: 46.5, cash_balance: 3 },
  }),
}

const DEEPSEEK: Vendor = {
  refusal: unauthorized({
    error: { message: 'Authentication Fails', type: 'authentication_error', code: 'invalid_request_error' },
  }),
  answer: () => ({
    is_available: true,
    balance_infos: [
      { currency: 'USD', total_balance: '110.00', granted_balance: '10.00', topped_up_balance: '100.00' },
    ],
  }),
}

/** `percentUsed` is a fraction. */
const NANOGPT: Vendor = {
  refusal: unauthorized({ error: 'Invalid session' }),
  answer: (now) => ({
    active: true,
    state: 'active',
    limits: { daily: 2_000, monthly: 60_000 },
    enforceDailyLimit: true,
    daily: { used: 5, remaining: 1_995, percentUsed: 0.0025, resetAt: now + SESSION_MS },
    monthly: { used: 45, remaining: 59_955, percentUsed: 0.00075, resetAt: now + MONTH_MS },
    period: { currentPeriodEnd: isoIn(now, MONTH_MS) },
    graceUntil: null,
  }),
}

const OPENROUTER: Vendor = {
  refusal: unauthorized({ error: { code: 401, message: 'No auth credentials found' } }),
  answer: () => ({
    data: {
      label: 'sk-or-v1-ab…cd',
      limit: 100,
      limit_remaining: 74.5,
      limit_reset: 'monthly',
      usage: 25.5,
      usage_daily: 1,
      usage_weekly: 3,
      usage_monthly: 25.5,
      byok_usage: 0,
      include_byok_in_limit: false,
      is_free_tier: false,
      expires_at: null,
    },
  }),
}

const OPENCODE: Vendor = {
  refusal: unauthorized({ error: { type: 'AuthError', message: 'Missing API key.' } }),
  answer: (now) => ({
    usage: {
      rolling: { status: 'ok', percent: 5, resetsAt: isoIn(now, SESSION_MS) },
      weekly: { status: 'ok', percent: 37, resetsAt: isoIn(now, WEEK_MS) },
      monthly: { status: 'rate-limited', percent: 100, resetsAt: isoIn(now, MONTH_MS) },
    },
  }),
}

const VENDORS: ReadonlyMap<string, Vendor> = new Map([
  ['/api/monitor/usage/quota/limit', ZAI],
  ['/v1/token_plan/remains', MINIMAX],
  ['/coding/v1/usages', KIMI],
  ['/v1/usages', KIMI],
  ['/v1/users/me/balance', MOONSHOT],
  ['/user/balance', DEEPSEEK],
  ['/api/subscription/v1/usage', NANOGPT],
  ['/api/v1/key', OPENROUTER],
  ['/zen/go/v1/usage', OPENCODE],
])
