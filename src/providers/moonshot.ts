/**
 * Moonshot's Kimi platform: prepaid, with three kinds of 429 that only their types tell apart
 * (`wire.md` §4.2).
 */
import { SECOND } from '../core/time.ts'
import { ANTHROPIC_DIALECT } from './dialect.ts'
import { fieldsOf, readNumber } from './fields.ts'
import type { Provider } from './provider.ts'
import { asBearer } from './sign.ts'
import { BALANCE_EVERY_MS, toBalance, usageReader, type WindowsOf } from './usage.ts'
import {
  accountTrouble,
  type ReadVendorError,
  serverTrouble,
  throttled,
  vendorFailure,
} from './vendor-failure.ts'

export const readMoonshotError: ReadVendorError = (error, answer) => {
  switch (error.type) {
    case 'exceeded_current_quota_error':
      return accountTrouble(answer, 'billing', 'its balance is used up')
    case 'rate_limit_reached_error':
      return throttled(answer, 'requests', waitIn(error.message))
    case 'engine_overloaded_error':
      return serverTrouble(answer, 'overloaded')
    case 'content_filter':
      return 'own'
    default:
      return undefined
  }
}

/** “… please try again after 1 seconds”. */
function waitIn(message: string): number | undefined {
  const seconds = readNumber(/try again after (\d{1,5}) seconds?/i.exec(message)?.[1])
  return seconds === undefined ? undefined : seconds * SECOND
}

const readBalance: WindowsOf = (body, { now, host }) => {
  const remaining = readNumber(fieldsOf(body.data).available_balance)
  if (remaining === undefined) return undefined
  return [toBalance({ remaining, unit: currencyAt(host), isUsable: remaining > 0 }, now)]
}

/** The two platforms count in their own money and do not say so. */
const currencyAt = (host: string | undefined): string | undefined => {
  if (host === undefined) return undefined
  return host.endsWith('.cn') ? 'CNY' : 'USD'
}

export const MOONSHOT: Provider = {
  ...ANTHROPIC_DIALECT,
  id: 'moonshot',
  label: 'Moonshot AI (Kimi platform)',
  baseUrl: 'https://api.moonshot.ai/anthropic',
  sign: asBearer,
  models: ['kimi-k3', 'kimi-k2.7-code', 'kimi-k2.6', 'kimi-k2.5'],
  notes: [
    'Keys of moonshot.cn work only there: set the base URL https://api.moonshot.cn/anthropic.',
    'Keys of the Kimi Code plan belong to the provider kimi-code.',
  ],
  readFailure: vendorFailure(readMoonshotError),
  usage: {
    path: '/v1/users/me/balance',
    signs: [asBearer],
    everyMs: BALANCE_EVERY_MS,
    read: usageReader(readBalance),
  },
}
