/**
 * NanoGPT: a subscription with counted days, weeks or months, or a prepaid balance
 * (`wire.md` §4.2). Its error statuses mean what they say.
 */
import type { Window } from '../core/limits.ts'
import type { Millis } from '../core/time.ts'
import { ANTHROPIC_DIALECT } from './dialect.ts'
import { fieldsOf, readMoment, readNumber } from './fields.ts'
import type { Provider } from './provider.ts'
import { asBearer, asGiven } from './sign.ts'
import { QUOTA_EVERY_MS, toWindow, usageReader, type WindowsOf } from './usage.ts'

/** Without a subscription requests are paid for one by one, and nothing of this limits them. */
const readWindows: WindowsOf = (body, { now }) => {
  if (body.active === undefined && body.state === undefined) return undefined
  if (body.active === false || body.state === 'inactive') return []
  const daily = body.enforceDailyLimit === false ? [] : quotaOf('1d', body.daily, 'requests', now)
  return [
    ...daily,
    ...quotaOf('30d', body.monthly, 'requests', now),
    ...quotaOf('1d', body.dailyInputTokens, 'tokens', now),
    ...quotaOf('7d', body.weeklyInputTokens, 'tokens', now),
  ]
}

function quotaOf(name: string, value: unknown, unit: string, now: Millis): readonly Window[] {
  const quota = fieldsOf(value)
  const used = readNumber(quota.used)
  const remaining = readNumber(quota.remaining)
  const total = (used ?? 0) + (remaining ?? 0)
  const counted = used === undefined || remaining === undefined || total <= 0 ? undefined : used / total
  const utilization = readNumber(quota.percentUsed) ?? counted
  if (utilization === undefined) return []
  const left = remaining === undefined ? {} : { remaining, unit }
  return [toWindow(name, { utilization, resetsAt: readMoment(quota.resetAt), ...left }, now)]
}

export const NANOGPT: Provider = {
  ...ANTHROPIC_DIALECT,
  id: 'nanogpt',
  label: 'NanoGPT',
  baseUrl: 'https://nano-gpt.com/api',
  sign: asGiven,
  models: ['anthropic/claude-opus-5.5', 'anthropic/claude-sonnet-5.5', 'zai-org/glm-5.3'],
  notes: ['A client that sends x-billing-mode: paygo is billed for each request instead of by subscription.'],
  usage: {
    path: '/api/subscription/v1/usage',
    signs: [asBearer],
    everyMs: QUOTA_EVERY_MS,
    read: usageReader(readWindows),
  },
}
