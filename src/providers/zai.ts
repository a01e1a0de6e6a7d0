/**
 * z.ai (GLM): its numbers instead of error types, times without a zone, and the quota of its
 * coding plan (`wire.md` §4.2–4.3). Its failures are read by number, whatever the status.
 */
import { type Millis, readDate } from '../core/time.ts'
import { ANTHROPIC_DIALECT } from './dialect.ts'
import {
  type Fields,
  fieldsOf,
  objectsOf,
  readMoment,
  readNumber,
  readObject,
  readPercent,
} from './fields.ts'
import type { ErrorAnswer, Provider, UsageReading } from './provider.ts'
import { asBearer, asGiven, asRawAuthorization } from './sign.ts'
import { QUOTA_EVERY_MS, refusedCredential, toWindow, usageReader, type WindowsOf } from './usage.ts'
import {
  BAD_KEY,
  type Meaning,
  type Meanings,
  NO_BALANCE,
  NO_SUCH_MODEL,
  NOT_IN_PLAN,
  OVERLOADED,
  REQUESTS_OWN,
  readByCode,
  SERVER_ERROR,
  tooFast,
  WHOLE_ACCOUNT,
} from './vendor-codes.ts'
import {
  accountTrouble,
  serverTrouble,
  spentWindow,
  throttled,
  toCode,
  type VendorError,
  type VendorVerdict,
  vendorFailure,
} from './vendor-failure.ts'

const MEANINGS: Meanings = new Map<string, Meaning>([
  ['1000', BAD_KEY],
  ['1001', BAD_KEY],
  ['1002', BAD_KEY],
  ['1003', BAD_KEY],
  ['1004', BAD_KEY],
  ['1110', WHOLE_ACCOUNT],
  ['1111', WHOLE_ACCOUNT],
  ['1112', WHOLE_ACCOUNT],
  ['1113', NO_BALANCE],
  ['1121', WHOLE_ACCOUNT],
  ['1210', REQUESTS_OWN],
  ['1211', NO_SUCH_MODEL],
  ['1213', REQUESTS_OWN],
  ['1214', REQUESTS_OWN],
  ['1215', REQUESTS_OWN],
  ['1220', NOT_IN_PLAN],
  ['1234', SERVER_ERROR],
  ['1261', REQUESTS_OWN],
  ['1301', REQUESTS_OWN],
  ['1302', tooFast('concurrent requests')],
  ['1303', tooFast('requests')],
  ['1304', spentUntilTold(() => '1d')],
  ['1305', { status: 429, read: readBusy }],
  ['1308', spentUntilTold(windowIn)],
  ['1309', { status: 402, read: (answer) => accountTrouble(answer, 'billing', 'its plan has expired') }],
  ['1310', spentUntilTold(longWindowOf)],
  ['1311', NOT_IN_PLAN],
  ['1312', OVERLOADED],
  ['1313', tooFast('what it calls unfair use')],
])

function spentUntilTold(windowOf: (message: string) => string | undefined): Meaning {
  return {
    status: 429,
    read: (answer, message) => spentWindow(answer, { window: windowOf(message), until: resetIn(message) }),
  }
}

/** One number for the account's pace and for the model's load; the words tell them apart. */
function readBusy(answer: ErrorAnswer, message: string): VendorVerdict {
  return /overload/i.test(message) ? serverTrouble(answer, 'overloaded') : throttled(answer, 'requests')
}

const CODE = /^\d{4}$/
const BRACKETED = /^\[(\d{4})\]/

/** As the type, as the code, or before the message. */
const codeOf = ({ type, code, message }: VendorError): string =>
  [type, code].find((text) => CODE.test(text)) ?? BRACKETED.exec(message)?.[1] ?? ''

const LENGTH = /for (\d{1,2}) (hour|day)/i

/** “Usage limit reached for 5 hour.” */
function windowIn(message: string): string {
  const [, count = '5', unit = 'hour'] = LENGTH.exec(message) ?? []
  return `${count}${unit.toLowerCase() === 'day' ? 'd' : 'h'}`
}

/** One number for both; only the words tell them apart. */
function longWindowOf(message: string): string | undefined {
  const isMonth = /month/i.test(message)
  if (isMonth === /week/i.test(message)) return undefined
  return isMonth ? '30d' : '7d'
}

const RESET = /(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)?/
/** What a time without a zone means: China's, which knows no summer time. */
const ZONE = '+08:00'

function resetIn(message: string): Millis | undefined {
  const [, date, time, zone = ZONE] = RESET.exec(message) ?? []
  return date === undefined ? undefined : readDate(`${date}T${time}${zone}`)
}

/** Errors in its own envelope come with status 200 (`{"code":…,"msg":…,"success":false}`). */
function readHiddenError(body: string): number | undefined {
  if (!body.includes('"success"')) return undefined
  const fields = readObject(body)
  return fields?.success === false ? statusOf(toCode(fields.code)) : undefined
}

/** Some of its numbers are statuses; one that nobody knows is its own trouble. */
function statusOf(code: string): number {
  const number = Number(code)
  const isStatus = number >= 400 && number < 600
  return isStatus ? number : (MEANINGS.get(code)?.status ?? 500)
}

const readWindows: WindowsOf = (body, { now }) => {
  if (body.success === false) return refusalIn(body)
  const limits = fieldsOf(body.data).limits
  if (!Array.isArray(limits)) return undefined
  return objectsOf(limits).flatMap((limit) => {
    const name = windowNameOf(limit)
    if (name === undefined) return []
    const resetsAt = readMoment(limit.nextResetTime)
    const remaining = readNumber(limit.remaining)
    const unit = remaining !== undefined && isToolLimit(limit) ? 'calls' : undefined
    return [toWindow(name, { utilization: shareOf(limit), resetsAt, remaining, unit }, now)]
  })
}

function refusalIn({ code }: Fields): UsageReading {
  const status = statusOf(toCode(code))
  if (status === 401 || status === 403) return refusedCredential(status)
  return { kind: 'later', evidence: 'it has no usage to tell at the moment' }
}

const isToolLimit = ({ type }: Fields): boolean => String(type).toUpperCase() === 'TIME_LIMIT'

/** `currentValue` of `usage`, where the share itself is missing. */
function shareOf({ percentage, currentValue, usage }: Fields): number | undefined {
  const used = readNumber(currentValue)
  const total = readNumber(usage)
  const counted = used === undefined || !total ? undefined : used / total
  return readPercent(percentage) ?? counted
}

const HOURS = 3
const MONTHS = 5
const WEEKS = 6
/** Tools are counted apart and stop no model, so theirs is never the account's window. */
const TOOLS = '_tools'

function windowNameOf(limit: Fields): string | undefined {
  const length = lengthOf(readNumber(limit.unit), readNumber(limit.number) ?? 1)
  if (length === undefined) return undefined
  return isToolLimit(limit) ? `${length}${TOOLS}` : length
}

/** A week is said as one or as seven of the same unit. */
function lengthOf(unit: number | undefined, number: number): string | undefined {
  if (unit === HOURS) return `${number}h`
  if (unit === MONTHS) return `${30 * number}d`
  if (unit !== WEEKS) return undefined
  return number === 7 ? '7d' : `${7 * number}d`
}

export const ZAI: Provider = {
  ...ANTHROPIC_DIALECT,
  id: 'zai',
  label: 'z.ai (GLM)',
  baseUrl: 'https://api.z.ai/api/anthropic',
  sign: asGiven,
  models: ['glm-5.3', 'glm-5.3-flash', 'glm-4.7', 'glm-4.5-air'],
  notes: [
    'Keys of bigmodel.cn work only there: set the base URL https://open.bigmodel.cn/api/anthropic.',
    'A key that pays as it goes has no quota to tell.',
  ],
  readFailure: vendorFailure(readByCode(MEANINGS, codeOf)),
  readHiddenError,
  usage: {
    path: '/api/monitor/usage/quota/limit',
    signs: [asBearer, asRawAuthorization],
    everyMs: QUOTA_EVERY_MS,
    read: usageReader(readWindows),
  },
}
