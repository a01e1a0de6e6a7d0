/**
 * How much of its plan a simulated login has used, window by window. How the provider says so
 * stands in usage-answer.ts and unified-headers.ts. Pure: the moment is an argument.
 */
import { DAY, HOUR } from '../core/time.ts'

export interface UsedWindow {
  /** 0–100 and beyond, as the usage endpoint counts. */
  readonly usedPercent: number
  /** Epoch milliseconds. Unless given, a window with something used in it begins when it is set. */
  readonly resetsAt?: number | undefined
}

export interface UsedOverage {
  readonly isEnabled: boolean
  readonly usedPercent: number
  /** Epoch milliseconds. */
  readonly resetsAt?: number | undefined
  /** Why it is not enabled; "out_of_credits" unless given. */
  readonly disabledReason?: string | undefined
}

/** Undefined: the plan has no such window. */
export interface LoginUsage {
  readonly fiveHour: UsedWindow | undefined
  readonly sevenDay: UsedWindow | undefined
  readonly sevenDayOpus: UsedWindow | undefined
  readonly sevenDaySonnet: UsedWindow | undefined
  /** The family that is metered apart: `7d_oi` in headers, `weekly_scoped` in JSON. */
  readonly sevenDayFable: UsedWindow | undefined
  readonly overage: UsedOverage
  /** Whether the usage endpoint lists `limits`, as newer ones do. */
  readonly hasLimits: boolean
}

export interface WindowKind {
  readonly key: Exclude<keyof LoginUsage, 'overage' | 'hasLimits'>
  /** In headers. */
  readonly name: string
  /** In headers, and as the name of its place in the usage endpoint's answer. */
  readonly claim: string
  /** It has no such place, and stands only among the `limits`. */
  readonly isUnnamed?: true
  readonly lengthMs: number
  readonly kind: 'session' | 'weekly_all' | 'weekly_scoped'
  /** The only models that it meters. */
  readonly family?: string
}

export const UNUSED: LoginUsage = {
  fiveHour: { usedPercent: 0 },
  sevenDay: { usedPercent: 0 },
  sevenDayOpus: undefined,
  sevenDaySonnet: undefined,
  sevenDayFable: undefined,
  overage: { isEnabled: false, usedPercent: 0 },
  hasLimits: true,
}

const SESSION = { lengthMs: 5 * HOUR, kind: 'session' } as const
const WEEK = { lengthMs: 7 * DAY, kind: 'weekly_all' } as const
const SCOPED = { lengthMs: 7 * DAY, kind: 'weekly_scoped' } as const

/** `wire.md` §1.7 and §2.6, side by side. */
export const WINDOW_KINDS: readonly WindowKind[] = [
  { key: 'fiveHour', name: '5h', claim: 'five_hour', ...SESSION },
  { key: 'sevenDay', name: '7d', claim: 'seven_day', ...WEEK },
  { key: 'sevenDayOpus', name: '7d_opus', claim: 'seven_day_opus', family: 'opus', ...SCOPED },
  { key: 'sevenDaySonnet', name: '7d_sonnet', claim: 'seven_day_sonnet', family: 'sonnet', ...SCOPED },
  {
    key: 'sevenDayFable',
    name: '7d_oi',
    claim: 'seven_day_overage_included',
    isUnnamed: true,
    family: 'fable',
    ...SCOPED,
  },
]

export const disabledReasonOf = ({ disabledReason = 'out_of_credits' }: UsedOverage): string => disabledReason

/** From here on the provider warns. */
export const WARNS_AT_PERCENT = 75
export const SPENT_AT_PERCENT = 100

/** At `now`: windows that have ended are idle, and what was just used without an end has one. */
export function usageAt(usage: LoginUsage, now: number): LoginUsage {
  const { overage } = usage
  const isOver = overage.resetsAt !== undefined && overage.resetsAt <= now
  const settled = isOver ? { ...usage, overage: { ...overage, ...IDLE } } : usage
  return withWindows(settled, ({ usedPercent, resetsAt }, { lengthMs }) => {
    if (resetsAt === undefined) return usedPercent > 0 ? { usedPercent, resetsAt: now + lengthMs } : IDLE
    return resetsAt <= now ? IDLE : { usedPercent, resetsAt }
  })
}

/** A request begins the windows that were idle. */
export const usageAfterRequest = (usage: LoginUsage, now: number): LoginUsage =>
  withWindows(usage, ({ usedPercent, resetsAt }, { lengthMs }) => ({
    usedPercent,
    resetsAt: resetsAt ?? now + lengthMs,
  }))

const IDLE: UsedWindow = { usedPercent: 0, resetsAt: undefined }

function withWindows(
  usage: LoginUsage,
  change: (window: UsedWindow, kind: WindowKind) => UsedWindow,
): LoginUsage {
  const windows = WINDOW_KINDS.map((kind) => {
    const window = usage[kind.key]
    return [kind.key, window === undefined ? undefined : change(window, kind)] as const
  })
  return { ...usage, ...Object.fromEntries(windows) }
}
