/**
 * The Kimi Code plan: counts as text, of which one may be missing, and spent quotas that come
 * as refusals of the whole account (`wire.md` §4.2).
 */
import type { Window } from '../core/limits.ts'
import type { Millis } from '../core/time.ts'
import { ANTHROPIC_DIALECT } from './dialect.ts'
import { type Fields, fieldsOf, objectsOf, readMoment, readNumber, readText } from './fields.ts'
import { readMoonshotError } from './moonshot.ts'
import type { Provider } from './provider.ts'
import { asBearer } from './sign.ts'
import { QUOTA_EVERY_MS, toWindow, usageReader, type WindowsOf } from './usage.ts'
import { type ReadVendorError, spentWindow, vendorFailure } from './vendor-failure.ts'

const SPENT = /reached (?:your|kimi).* usage limit/i
/** It serves known coding agents only: a matter of the client, whichever account is asked. */
const NOT_AN_AGENT = /only available for coding agents/i

const readKimiError: ReadVendorError = (error, answer) => {
  if (SPENT.test(error.message)) return spentWindow(answer, { window: windowIn(error.message) })
  if (NOT_AN_AGENT.test(error.message)) {
    const evidence = `it serves known coding agents only (${answer.status})`
    return { cause: 'forbidden', scope: { kind: 'request' }, evidence }
  }
  return readMoonshotError(error, answer)
}

/** “For this period” and “for this billing cycle” leave open which one it is. */
function windowIn(message: string): string | undefined {
  if (/week|7-day/i.test(message)) return '7d'
  if (/5[- ]?h/i.test(message)) return '5h'
  return /month/i.test(message) ? '30d' : undefined
}

const readWindows: WindowsOf = (body, { now }) => {
  const told = body.usage === undefined && body.limits === undefined ? fieldsOf(body.data) : body
  if (told.usage === undefined && told.limits === undefined) return undefined
  const limits = objectsOf(told.limits).flatMap(({ window, detail }) =>
    quotaOf(nameOf(fieldsOf(window)), fieldsOf(detail), now),
  )
  return [...quotaOf('7d', fieldsOf(told.usage), now), ...limits]
}

const HOURS_OF: ReadonlyMap<string, number> = new Map([
  ['TIME_UNIT_MINUTE', 1 / 60],
  ['TIME_UNIT_HOUR', 1],
  ['TIME_UNIT_DAY', 24],
])

/** Undefined for lengths that are not whole hours. */
function nameOf({ duration, timeUnit }: Fields): string | undefined {
  const hours = (readNumber(duration) ?? Number.NaN) * (HOURS_OF.get(readText(timeUnit) ?? '') ?? Number.NaN)
  if (!Number.isInteger(hours) || hours <= 0) return undefined
  return hours % 24 === 0 ? `${hours / 24}d` : `${hours}h`
}

function quotaOf(name: string | undefined, quota: Fields, now: Millis): readonly Window[] {
  const limit = readNumber(quota.limit)
  const used = readNumber(quota.used)
  const remaining = readNumber(quota.remaining) ?? (limit && used !== undefined ? limit - used : undefined)
  if (name === undefined || !limit || remaining === undefined) return []
  const utilization = (used ?? limit - remaining) / limit
  const resetsAt = readMoment(quota.resetTime)
  return [toWindow(name, { utilization: Math.max(0, utilization), remaining, resetsAt }, now)]
}

export const KIMI_CODE: Provider = {
  ...ANTHROPIC_DIALECT,
  id: 'kimi-code',
  label: 'Kimi Code plan',
  baseUrl: 'https://api.kimi.com/coding',
  sign: asBearer,
  models: ['kimi-for-coding', 'kimi-for-coding-highspeed', 'k3'],
  notes: [
    'Its keys are not those of the Kimi platform, and the other way round.',
    'It answers known coding agents only.',
  ],
  readFailure: vendorFailure(readKimiError),
  usage: {
    path: '/coding/v1/usages',
    signs: [asBearer],
    everyMs: QUOTA_EVERY_MS,
    read: usageReader(readWindows),
  },
}
