/**
 * The quotas of one simulated account, as its provider meters them: on a grid, or begun by
 * their first use. What the provider says of them goes by what it has metered. Must not know
 * the gateway.
 */
import type { Failure } from '../core/failure.ts'
import type { Window } from '../core/limits.ts'
import { later, type Millis } from '../core/time.ts'
import type { TraceWindow } from './trace.ts'

export interface Meter {
  readonly window: TraceWindow
  used: number
  /** Undefined: not begun since it ended last. */
  endsAt: Millis | undefined
}

export const newMeter = (window: TraceWindow): Meter => ({
  window,
  used: window.initial?.used ?? 0,
  endsAt: window.initial?.endsAt,
})

/** Begins anew what has ended. */
function turnPage(meter: Meter, now: Millis): void {
  const { gridFrom, lengthMs } = meter.window
  if (meter.endsAt !== undefined && now < meter.endsAt) return
  meter.used = 0
  meter.endsAt =
    gridFrom === undefined
      ? undefined
      : later(gridFrom, (Math.floor((now - gridFrom) / lengthMs) + 1) * lengthMs)
}

const isAbout = ({ window }: Meter, family: string): boolean =>
  window.family === undefined || window.family === family

export function charge(meters: readonly Meter[], family: string, { tokens, now }: Charge): void {
  for (const meter of meters) {
    if (!isAbout(meter, family)) continue
    turnPage(meter, now)
    meter.endsAt ??= later(now, meter.window.lengthMs)
    meter.used += tokens
  }
}

interface Charge {
  readonly tokens: number
  readonly now: Millis
}

/** The spent window that a request meets: the account's before a family's, the later end before the earlier. */
export function spentOf(meters: readonly Meter[], family: string, now: Millis): Meter | undefined {
  let worst: Meter | undefined
  for (const meter of meters) {
    if (!isAbout(meter, family)) continue
    turnPage(meter, now)
    if (meter.used < meter.window.capacity) continue
    if (worst === undefined || isWorse(meter, worst)) worst = meter
  }
  return worst
}

const isWorse = (a: Meter, b: Meter): boolean =>
  (a.window.family === undefined) === (b.window.family === undefined)
    ? (a.endsAt ?? 0) > (b.endsAt ?? 0)
    : a.window.family === undefined

export function failureOf({ window, endsAt }: Meter, now: Millis): Failure {
  const { name, family, lengthMs } = window
  const common = {
    evidence: `its ${name} window is spent (429)`,
    until: endsAt ?? later(now, lengthMs),
    window: name,
  }
  return family === undefined
    ? { cause: 'window-spent', scope: { kind: 'account' }, ...common }
    : { cause: 'family-spent', scope: { kind: 'family', family }, ...common }
}

const WARNING = 0.9

/** In whole percents, rounded down. A window that has not begun is not mentioned. */
export function readingsOf(meters: readonly Meter[], now: Millis): readonly Window[] {
  const readings: Window[] = []
  for (const meter of meters) {
    turnPage(meter, now)
    const { window, used, endsAt } = meter
    if (endsAt === undefined) continue
    const utilization = Math.floor((used / window.capacity) * 100) / 100
    const open = utilization >= WARNING ? 'allowed_warning' : 'allowed'
    const status = used >= window.capacity ? 'rejected' : open
    readings.push({ name: window.name, utilization, resetsAt: endsAt, status, readAt: now })
  }
  return readings
}
