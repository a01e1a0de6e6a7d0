/**
 * MiniMax: errors behind status 200 (`base_resp`) and a plan that tells what is left, not what
 * is used (`wire.md` §4.2–4.3). The meaning of its numbers is that of its error reference.
 */
import type { Window } from '../core/limits.ts'
import type { Millis } from '../core/time.ts'
import { ANTHROPIC_DIALECT } from './dialect.ts'
import { type Fields, fieldsOf, objectsOf, readMoment, readObject, readPercent, readText } from './fields.ts'
import type { Provider } from './provider.ts'
import { asBearer } from './sign.ts'
import { QUOTA_EVERY_MS, refusedCredential, toWindow, usageReader, type WindowsOf } from './usage.ts'
import {
  BAD_KEY,
  type Meaning,
  type Meanings,
  NO_BALANCE,
  NOT_IN_PLAN,
  OVERLOADED,
  REQUESTS_OWN,
  readByCode,
  SERVER_ERROR,
  TIMEOUT,
  tooFast,
} from './vendor-codes.ts'
import { spentWindow, toCode, type VendorError, vendorFailure } from './vendor-failure.ts'

const MEANINGS: Meanings = new Map<string, Meaning>([
  ['1000', SERVER_ERROR],
  ['1001', TIMEOUT],
  ['1002', tooFast('requests')],
  ['1004', BAD_KEY],
  ['1008', NO_BALANCE],
  ['1024', SERVER_ERROR],
  ['1026', REQUESTS_OWN],
  ['1027', REQUESTS_OWN],
  ['1033', SERVER_ERROR],
  ['1039', tooFast('tokens')],
  ['1041', tooFast('connections')],
  ['1042', REQUESTS_OWN],
  ['2013', REQUESTS_OWN],
  ['2045', tooFast('requests')],
  ['2049', BAD_KEY],
  ['2056', { status: 429, read: (answer) => spentWindow(answer, { window: '5h' }) }],
  /* Seen, but not in its reference: they blame the least that they can mean. */
  ['2061', NOT_IN_PLAN],
  ['2064', OVERLOADED],
])

const TRAILING = /\((\d{4})\)\s*$/

/** Beside the message where it has its own envelope, at the message's end in Anthropic's. */
const codeOf = ({ body, message }: VendorError): string => {
  const code = baseCodeOf(body)
  return isSuccess(code) ? (TRAILING.exec(message)?.[1] ?? '') : code
}

const isSuccess = (code: string): boolean => code === '' || code === '0'

const baseCodeOf = ({ base_resp: answer }: Fields): string => toCode(fieldsOf(answer).status_code)

function readHiddenError(body: string): number | undefined {
  if (!body.includes('"base_resp"')) return undefined
  const code = baseCodeOf(readObject(body) ?? {})
  return isSuccess(code) ? undefined : (MEANINGS.get(code)?.status ?? 500)
}

const readWindows: WindowsOf = (body, { now }) => {
  const code = baseCodeOf(body)
  if (MEANINGS.get(code) === BAD_KEY) return refusedCredential(code)
  if (!isSuccess(code)) return { kind: 'later', evidence: `it answered with its code ${code}` }
  const plan = planOf(objectsOf(body.model_remains))
  if (plan === undefined) return Array.isArray(body.model_remains) ? [] : undefined
  return [...intervalOf(plan, now), ...weekOf(plan, now)]
}

const MEDIA = /video|speech|audio|image|music|voice|hailuo/i

/** Language models share one quota; other media have quotas of their own. */
const planOf = (remains: readonly Fields[]): Fields | undefined =>
  remains.find(({ model_name: name }) => name === 'general') ??
  remains.find(({ model_name: name }) => !MEDIA.test(readText(name) ?? ''))

const intervalOf = (plan: Fields, now: Millis): readonly Window[] =>
  leftOver('5h', plan.current_interval_remaining_percent, plan.end_time, now)

/** A plan without a weekly limit has a status other than 1 there, and numbers that mean nothing. */
function weekOf(plan: Fields, now: Millis): readonly Window[] {
  const status = plan.current_weekly_status
  if (status !== undefined && status !== 1) return []
  return leftOver('7d', plan.current_weekly_remaining_percent, plan.weekly_end_time, now)
}

function leftOver(name: string, percent: unknown, end: unknown, now: Millis): readonly Window[] {
  const left = readPercent(percent)
  if (left === undefined) return []
  return [toWindow(name, { utilization: Math.max(0, 1 - left), resetsAt: readMoment(end) }, now)]
}

export const MINIMAX: Provider = {
  ...ANTHROPIC_DIALECT,
  id: 'minimax',
  label: 'MiniMax',
  baseUrl: 'https://api.minimax.io/anthropic',
  sign: asBearer,
  models: ['MiniMax-M3', 'MiniMax-M2.7', 'MiniMax-M2.7-highspeed'],
  notes: [
    'Keys of minimaxi.com work only there: set the base URL https://api.minimaxi.com/anthropic.',
    'Clients must send back whole answers, thinking included, between tool calls.',
  ],
  readFailure: vendorFailure(readByCode(MEANINGS, codeOf)),
  readHiddenError,
  usage: {
    origin: 'https://www.minimax.io',
    path: '/v1/token_plan/remains',
    signs: [asBearer],
    everyMs: QUOTA_EVERY_MS,
    read: usageReader(readWindows),
  },
}
