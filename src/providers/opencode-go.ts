/**
 * OpenCode Zen Go: names of classes for error types, of which several come as a 401 that says
 * nothing about the credential, and three windows (`wire.md` §4.2).
 */
import { DAY, HOUR, later, MINUTE, type Millis } from '../core/time.ts'
import { ANTHROPIC_DIALECT } from './dialect.ts'
import { fieldsOf, readMoment, readPercent, readText } from './fields.ts'
import type { Provider } from './provider.ts'
import { asBearer } from './sign.ts'
import { QUOTA_EVERY_MS, toWindow, usageReader, type WindowsOf } from './usage.ts'
import {
  accountTrouble,
  modelTrouble,
  type ReadVendorError,
  refusedCredential,
  spentWindow,
  throttled,
  type VendorError,
  vendorFailure,
} from './vendor-failure.ts'

const readOpencodeError: ReadVendorError = (error, answer) => {
  switch (error.type) {
    case 'AuthError':
      return refusedCredential(answer)
    case 'ModelError':
      return modelTrouble(answer, 'model-not-found')
    case 'RegionError':
    case 'DataPolicyError':
      return modelTrouble(answer, 'forbidden')
    case 'CreditsError':
      return accountTrouble(answer, 'billing', 'its balance is used up')
    case 'MonthlyLimitError':
    case 'UserLimitError':
      return accountTrouble(answer, 'spend-limit', 'its monthly spend limit is reached')
    case 'GoUsageLimitError':
      return spentWindow(answer, { window: windowOf(error), until: endIn(error.message, answer.now) })
    case 'RateLimitError':
    case 'FreeUsageLimitError':
      return throttled(answer, 'requests')
    default:
      return undefined
  }
}

function windowOf({ metadata, message }: VendorError): string | undefined {
  const words = `${readText(metadata.limitName) ?? ''} ${message}`
  if (/week/i.test(words)) return '7d'
  if (/month/i.test(words)) return '30d'
  return /rolling|5[ -]?h/i.test(words) ? '5h' : undefined
}

const RESET = /resets? in ([^.]*)/i
const PART = /(\d{1,4})\s*(d|h|m(?!o))/gi

/** “Resets in 19hr”, “It will reset in 5 days 10 hours”. */
function endIn(message: string, now: Millis): Millis | undefined {
  const parts = [...(RESET.exec(message)?.[1] ?? '').matchAll(PART)]
  if (parts.length === 0) return undefined
  return later(
    now,
    parts.reduce((sum, [, count, unit]) => sum + Number(count) * lengthOf(unit), 0),
  )
}

function lengthOf(unit: string | undefined): number {
  if (unit?.toLowerCase() === 'd') return DAY
  return unit?.toLowerCase() === 'h' ? HOUR : MINUTE
}

const WINDOWS = [
  ['5h', 'rolling'],
  ['7d', 'weekly'],
  ['30d', 'monthly'],
] as const

const readWindows: WindowsOf = (body, { now }) => {
  if (body.usage === undefined) return undefined
  const usage = fieldsOf(body.usage)
  return WINDOWS.flatMap(([name, field]) => {
    const { percent, resetsAt, status } = fieldsOf(usage[field])
    const utilization = readPercent(percent)
    if (utilization === undefined) return []
    return [toWindow(name, { utilization, resetsAt: readMoment(resetsAt), status: toStatus(status) }, now)]
  })
}

const toStatus = (status: unknown): string | undefined => {
  if (status === 'ok') return 'allowed'
  return status === 'rate-limited' ? 'rejected' : readText(status)
}

export const OPENCODE_GO: Provider = {
  ...ANTHROPIC_DIALECT,
  id: 'opencode-go',
  label: 'OpenCode Zen Go',
  baseUrl: 'https://opencode.ai/zen/go',
  sign: asBearer,
  models: ['minimax-m3', 'kimi-k3', 'glm-5.3', 'deepseek-v4-pro'],
  notes: ['Only some of its models speak Anthropic’s dialect; its list says which.'],
  readFailure: vendorFailure(readOpencodeError),
  usage: {
    path: '/zen/go/v1/usage',
    signs: [asBearer],
    everyMs: QUOTA_EVERY_MS,
    read: usageReader(readWindows),
  },
}
