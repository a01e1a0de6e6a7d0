/** Accounts of the published traces: subscriptions of several sizes, keys with a daily limit. */
import { DAY, HOUR, later, type Millis } from '../../../src/core/time.ts'
import type { TraceAccount, TraceWindow } from '../../../src/simulation/trace.ts'

/** What every account has that a trace does not speak about. */
const PLAIN = { priority: 0, weight: 1, tier: 1, groups: [], isPaid: false, faults: [] }

export interface Plan {
  readonly name: string
  readonly tier: number
  readonly windows: readonly TraceWindow[]
}

export const subscription = ({ name, tier, windows }: Plan): TraceAccount => ({
  ...PLAIN,
  name,
  tier,
  groups: ['plans'],
  windows,
})

/** Paid by the token, up to a limit that its owner has set for a day. */
export const key = (name: string, dailyTokens: number, midnight: Millis): TraceAccount => ({
  ...PLAIN,
  name,
  priority: 1,
  groups: ['keys'],
  isPaid: true,
  windows: [{ name: '1d', lengthMs: DAY, capacity: dailyTokens, gridFrom: midnight }],
})

export const fiveHours = (capacity: number, gridFrom?: Millis): TraceWindow => ({
  name: '5h',
  lengthMs: 5 * HOUR,
  capacity,
  ...(gridFrom === undefined ? {} : { gridFrom }),
})

interface Week {
  readonly capacity: number
  /** When its grid begins; it must be over at some time after the trace's beginning. */
  readonly gridFrom: Millis
  /** The fraction that is used when the trace begins. */
  readonly used: number
  readonly family?: string
}

export const week = ({ capacity, gridFrom, used, family }: Week): TraceWindow => ({
  name: family === undefined ? '7d' : `7d_${family}`,
  lengthMs: 7 * DAY,
  capacity,
  gridFrom,
  initial: { used: Math.round(capacity * used), endsAt: later(gridFrom, 7 * DAY) },
  ...(family === undefined ? {} : { family }),
})
