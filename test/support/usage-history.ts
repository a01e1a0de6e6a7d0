/**
 * A made-up history of an account's windows that looks like real ones: people who work on
 * weekdays in sessions, agents that burn in bursts, a night job now and then; a "5h" window that
 * begins with its first use and a "7d" window with a fixed end, both stopped when they are
 * spent. Read and thinned as Spillway does. Equal seeds give equal histories.
 */
import type { Reading } from '../../src/core/forecast-growth.ts'
import { isWorthKeeping, type Window } from '../../src/core/limits.ts'
import { DAY, HOUR, later, MINUTE, type Millis, toMillis } from '../../src/core/time.ts'
import { createDice, type Dice } from './random.ts'

export interface HistoryPlan {
  readonly seed: number
  readonly until: Millis
  readonly days: number
  /** How much of the 5h window an hour of ordinary work uses up. */
  readonly fiveHourPace?: number
  /** The same of the 7d window. */
  readonly weekPace?: number
}

const TICK_MS = 5 * MINUTE
/** A quiet account is asked that often. */
const POLL_MS = 10 * MINUTE

export function usageHistory(plan: HistoryPlan): readonly Reading[] {
  const { seed, until, days, fiveHourPace = 0.22, weekPace = 0.02 } = plan
  const dice = createDice(seed)
  const start = toMillis(until - days * DAY)
  const week = { name: '7d', used: 0, endsAt: later(start, 7 * DAY - dice.below(7 * 24) * HOUR) }
  const session: Tank = { name: '5h', used: 0, endsAt: undefined }
  const kept = new Map<string, Window>()
  const readings: Reading[] = []
  let polledAt = 0
  for (const { at, load } of workOf(dice, start, until)) {
    if (week.endsAt <= at) Object.assign(week, { used: 0, endsAt: later(week.endsAt, 7 * DAY) })
    if (session.endsAt !== undefined && session.endsAt <= at)
      Object.assign(session, { used: 0, endsAt: undefined })
    const isOpen = week.used < 1 && session.used < 1
    if (load > 0 && isOpen) {
      session.endsAt ??= later(at, 5 * HOUR)
      session.used = Math.min(1, session.used + (load * fiveHourPace * TICK_MS) / HOUR)
      week.used = Math.min(1, week.used + (load * weekPace * TICK_MS) / HOUR)
    }
    const isRead = (load > 0 && isOpen) || at - polledAt >= POLL_MS
    if (!isRead) continue
    polledAt = at
    for (const tank of [session, week]) note(tank, { at, kept, readings })
  }
  return thinned(readings, until)
}

interface Tank {
  readonly name: string
  used: number
  endsAt: Millis | undefined
}

interface Notes {
  readonly at: Millis
  readonly kept: Map<string, Window>
  readonly readings: Reading[]
}

function note({ name, used, endsAt }: Tank, { at, kept, readings }: Notes): void {
  const utilization = Math.round(used * 100) / 100
  const window: Window = {
    name,
    utilization,
    status: utilization >= 1 ? 'rejected' : 'allowed',
    readAt: at,
    ...(endsAt === undefined ? {} : { resetsAt: endsAt }),
  }
  if (!isWorthKeeping(kept.get(name), window)) return
  kept.set(name, window)
  readings.push({ window: name, at, utilization, resetsAt: endsAt, status: window.status })
}

interface Work {
  readonly at: Millis
  /** 1 is ordinary work. */
  readonly load: number
}

/** Sessions of one to four hours, likelier by day and on weekdays; within them bursts and pauses. */
function* workOf(dice: Dice, start: Millis, until: Millis): Generator<Work> {
  let sessionEnds = 0
  let level = 0
  let burst = 1
  for (let at = start; at <= until; at = later(at, TICK_MS)) {
    if (at >= sessionEnds) {
      level = 0
      if (dice.next() < (likelihoodOf(at) * TICK_MS) / HOUR) {
        sessionEnds = at + (1 + 3 * dice.next()) * HOUR
        level = Math.exp((dice.next() + dice.next() - 1) * 1.2)
      }
    }
    if (dice.next() < 0.15) burst = dice.one([0, 0.4, 1, 1, 1.6, 2.4])
    yield { at, load: level * burst }
  }
}

/** Sessions that begin in an hour. */
function likelihoodOf(at: Millis): number {
  const hour = (at % DAY) / HOUR
  const isWeekend = [2, 3].includes(Math.floor(at / DAY) % 7)
  if (hour >= 8 && hour < 18) return isWeekend ? 0.06 : 0.6
  return hour >= 18 && hour < 23 ? 0.12 : 0.02
}

/** As the storage thins them: the last one in a quarter of an hour after a day, in an hour after a week. */
function thinned(readings: readonly Reading[], now: Millis): readonly Reading[] {
  const last = new Map<string, Reading>()
  for (const reading of readings) {
    const ageMs = now - reading.at
    const older = ageMs > 7 * DAY ? HOUR : 15 * MINUTE
    const step = ageMs > DAY ? older : 1
    last.set(`${reading.window} ${step} ${Math.floor(reading.at / step)}`, reading)
  }
  return [...last.values()]
}
