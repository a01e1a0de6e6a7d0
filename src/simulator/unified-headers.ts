/**
 * Where a simulated login stands when it asks for a message: served or refused, and the
 * unified headers that say why (`wire.md` §1.7), in fractions and epoch seconds. Pure.
 */
import type { Header, Headers } from '../core/headers.ts'
import { familyOf } from '../core/model.ts'
import { SECOND } from '../core/time.ts'
import {
  disabledReasonOf,
  type LoginUsage,
  SPENT_AT_PERCENT,
  type UsedOverage,
  type UsedWindow,
  WARNS_AT_PERCENT,
  WINDOW_KINDS,
  type WindowKind,
} from './login-usage.ts'

export interface Standing {
  readonly isRefused: boolean
  readonly headers: Headers
}

type Metered = UsedWindow & { readonly kind: WindowKind }
type Status = 'allowed' | 'allowed_warning' | 'rejected'

/** Of usage at the moment `now`. Windows of another family than the model's are not mentioned. */
export function standingOf(usage: LoginUsage, model: string | undefined, now: number): Standing {
  const metered = meteredBy(usage, model)
  const { overage } = usage
  const isSpent = metered.some(({ usedPercent }) => usedPercent >= SPENT_AT_PERCENT)
  const isOnOverage = overage.isEnabled && (isSpent || metered.length === 0)
  const fullest = metered.toSorted((a, b) => b.usedPercent - a.usedPercent)[0]
  const ruling = isOnOverage ? overage : fullest
  const status = statusOf(ruling?.usedPercent ?? 0)
  const claim = isOnOverage ? 'overage' : fullest?.kind.claim
  const isRefused = status === 'rejected'
  const resetsAt = ruling?.resetsAt ?? fullest?.resetsAt
  return {
    isRefused,
    headers: [
      field('status', status),
      ...(claim === undefined ? [] : [field('representative-claim', claim)]),
      ...resetField('reset', resetsAt),
      ...metered.flatMap((window) => meterFields(window.kind.name, window)),
      ...overageFields(overage, isOnOverage),
      ...(isRefused && resetsAt !== undefined ? [retryAfter(resetsAt, now)] : []),
    ],
  }
}

function meteredBy(usage: LoginUsage, model: string | undefined): readonly Metered[] {
  const family = model === undefined ? undefined : familyOf(model)
  return WINDOW_KINDS.flatMap((kind) => {
    const window = usage[kind.key]
    const isMeant = kind.family === undefined || kind.family === family
    return window === undefined || !isMeant ? [] : [{ ...window, kind }]
  })
}

function statusOf(percent: number): Status {
  if (percent >= SPENT_AT_PERCENT) return 'rejected'
  return percent >= WARNS_AT_PERCENT ? 'allowed_warning' : 'allowed'
}

/** The largest threshold that is passed has a header of its own. */
const THRESHOLDS = [1, 0.9, 0.75]

function meterFields(name: string, { usedPercent, resetsAt }: UsedWindow): Headers {
  const utilization = usedPercent / 100
  const passed = THRESHOLDS.find((threshold) => utilization >= threshold)
  return [
    field(`${name}-status`, statusOf(usedPercent)),
    field(`${name}-utilization`, String(Number(utilization.toFixed(4)))),
    ...resetField(`${name}-reset`, resetsAt),
    ...(passed === undefined
      ? []
      : [field(`${name}-surpassed-threshold`, passed === 1 ? '1.0' : `${passed}`)]),
  ]
}

/** An account without extra usage shows `rejected` here although it is served. */
const overageFields = (overage: UsedOverage, isInUse: boolean): Headers =>
  overage.isEnabled
    ? [...meterFields('overage', overage), field('overage-in-use', String(isInUse))]
    : [field('overage-status', 'rejected'), field('overage-disabled-reason', disabledReasonOf(overage))]

const resetField = (name: string, resetsAt: number | undefined): Headers =>
  resetsAt === undefined ? [] : [field(name, String(Math.ceil(resetsAt / SECOND)))]

const retryAfter = (resetsAt: number, now: number): Header => [
  'retry-after',
  String(Math.max(1, Math.ceil((resetsAt - now) / SECOND))),
]

const field = (suffix: string, value: string): Header => [`anthropic-ratelimit-unified-${suffix}`, value]
