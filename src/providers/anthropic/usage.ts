/**
 * Reads what Anthropic says of a signed-in account's usage when asked (`wire.md` §2.6). Its
 * units are not those of the headers: shares are 0–100 here. A window that is null is absent,
 * one without an end is idle. Must not read identity.
 */
import type { Headers } from '../../core/headers.ts'
import type { Window } from '../../core/limits.ts'
import { MINUTE, type Millis } from '../../core/time.ts'
import { readErrorEnvelope } from '../../dialects/messages/error.ts'
import { type Fields, fieldsOf, objectsOf, readMoment, readNumber, readPercent, readText } from '../fields.ts'
import { given } from '../given.ts'
import type { UsageAnswer, UsageEndpoint, UsageReading } from '../provider.ts'
import { usageReader, type WindowsOf } from '../usage.ts'
import { OAUTH_BETA } from './oauth.ts'

const NAMED_WINDOWS = [
  ['five_hour', '5h'],
  ['seven_day', '7d'],
  ['seven_day_opus', '7d_opus'],
  ['seven_day_sonnet', '7d_sonnet'],
] as const

/** The list knows more than the named windows; these fill in what it leaves out. */
const readWindows: WindowsOf = (body, { now }) => {
  const isUsage = Array.isArray(body.limits) || NAMED_WINDOWS.some(([field]) => field in body)
  if (!isUsage) return undefined
  const listed = objectsOf(body.limits).flatMap((limit) => readListed(limit, now))
  const names = new Set(listed.map(({ name }) => name))
  const others = readNamed(body, now).filter(({ name }) => !names.has(name))
  return [...listed, ...others, ...readOverage(body, now)]
}

function readListed(limit: Fields, now: Millis): readonly Window[] {
  const name = nameOf(limit)
  return name === undefined ? [] : toWindow(name, { ...limit, share: limit.percent }, now)
}

/** Kinds come and go under code names; those that nobody knows are passed over. */
function nameOf({ kind, scope }: Fields): string | undefined {
  if (kind === 'session') return '5h'
  if (kind === 'weekly_all') return '7d'
  if (kind !== 'weekly_scoped') return undefined
  const model = fieldsOf(fieldsOf(scope).model)
  const family = readText(model.display_name) ?? readText(model.id) ?? ''
  const slug = family.toLowerCase().replace(/[^a-z0-9]+/g, '_')
  return slug === '' || slug === '_' ? undefined : `7d_${slug}`
}

const readNamed = (body: Fields, now: Millis): readonly Window[] =>
  NAMED_WINDOWS.flatMap(([field, name]) => {
    const window = fieldsOf(body[field])
    return toWindow(name, { ...window, share: window.utilization }, now)
  })

interface Told {
  /** 0–100, and beyond. */
  readonly share?: unknown
  readonly resets_at?: unknown
  readonly severity?: unknown
}

function toWindow(name: string, told: Told, readAt: Millis): readonly Window[] {
  const utilization = readPercent(told.share)
  const resetsAt = readMoment(told.resets_at)
  if (utilization === undefined && resetsAt === undefined) return []
  return [{ name, ...given({ utilization, resetsAt, status: statusOf(utilization, told.severity) }), readAt }]
}

/** In the words of the headers, so that both kinds of readings of one window compare. */
function statusOf(utilization: number | undefined, severity: unknown): string | undefined {
  if (utilization !== undefined && utilization >= 1) return 'rejected'
  if (severity === 'normal') return 'allowed'
  return severity === 'warning' || severity === 'critical' ? 'allowed_warning' : undefined
}

/** Paid use beyond the plan, where it is switched on. */
function readOverage(body: Fields, readAt: Millis): readonly Window[] {
  const spend = fieldsOf(body.spend)
  const extra = fieldsOf(body.extra_usage)
  if (spend.enabled !== true && extra.is_enabled !== true) return []
  const utilization = readPercent(spend.enabled === true ? spend.percent : extra.utilization)
  const status = statusOf(utilization, spend.severity)
  return [{ name: 'overage', ...given({ utilization, status }), ...leftOf(spend), readAt }]
}

interface Amount {
  readonly value: number
  readonly currency: string
}

/** What is left of a cap, where both amounts say their money. */
function leftOf({ used, limit }: Fields): { readonly remaining?: number; readonly unit?: string } {
  const spent = readAmount(used)
  const cap = readAmount(limit)
  if (spent === undefined || cap === undefined || spent.currency !== cap.currency) return {}
  return { remaining: Number((cap.value - spent.value).toFixed(2)), unit: cap.currency }
}

function readAmount(value: unknown): Amount | undefined {
  const { amount_minor: minor, currency, exponent } = fieldsOf(value)
  const amount = readNumber(minor)
  const digits = readNumber(exponent)
  const money = readText(currency)
  if (amount === undefined || digits === undefined || money === undefined) return undefined
  return { value: amount / 10 ** digits, currency: money }
}

const NO_SCOPE = /scope requirement/i

/** Tokens that were made to be set up once may ask for nothing but inference (`wire.md` §1.6). */
function refusal({ status, body }: UsageAnswer): UsageReading | undefined {
  if (status !== 403) return undefined
  const { message = '', code } = readErrorEnvelope(body) ?? {}
  if (code === 'oauth_not_allowed_for_organization') {
    return { kind: 'refused', evidence: 'its organization does not allow sign-ins at present (403)' }
  }
  if (!NO_SCOPE.test(message)) return undefined
  return { kind: 'refused', evidence: 'its token lacks the scope user:profile, as setup tokens do (403)' }
}

const signUsage = (secret: string): Headers => [
  ['authorization', `Bearer ${secret}`],
  ['anthropic-beta', OAUTH_BETA],
]

export const CLAUDE_USAGE: UsageEndpoint = {
  path: '/api/oauth/usage',
  signs: [signUsage],
  everyMs: 10 * MINUTE,
  read: usageReader(readWindows, { refusal }),
}
