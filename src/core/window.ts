/**
 * What follows from a window's reading for routing: how long it is, whether it speaks about a
 * model, how much of it is left for its time. Must not read headers, and must not forecast.
 */
import { isPast, type Window } from './limits.ts'
import { familyOf } from './model.ts'
import { DAY, HOUR, later, type Millis } from './time.ts'

const LASTING = /^(\d+)([hd])(?:_(.+))?$/

interface Shape {
  readonly lengthMs: number
  readonly family: string | undefined
}

/** There are a handful of names, and each is asked for in every decision. */
const shapes = new Map<string, Shape | undefined>()
const MOST_NAMES = 1_000

function shapeOf(name: string): Shape | undefined {
  if (shapes.has(name)) return shapes.get(name)
  const [, count, unit, family] = LASTING.exec(name) ?? []
  const shape =
    count === undefined ? undefined : { lengthMs: Number(count) * (unit === 'd' ? DAY : HOUR), family }
  if (shapes.size < MOST_NAMES) shapes.set(name, shape)
  return shape
}

/** "5h" → five hours; undefined for what is no window of hours or days. */
export const lengthOf = (name: string): number | undefined => shapeOf(name)?.lengthMs

/** The family whose requests alone a window meters; undefined where it meters all. */
export const meteredFamily = (name: string): string | undefined => shapeOf(name)?.family

/** Whether a window meters requests for `model`; those without a family meter all. */
export function isMetering(name: string, model: string | undefined): boolean {
  const shape = shapeOf(name)
  if (shape === undefined) return false
  return shape.family === undefined || (model !== undefined && familyOf(model) === shape.family)
}

const LEAST_LEFT = 0.02
const MOST_SPARE = 10

/**
 * How much of a window is left for the time that it has left: 1 is exactly as much as an even
 * pace would leave, more is quota that would go to waste. Undefined where nothing is known.
 */
export function spareOf(window: Window, now: Millis): number | undefined {
  const lengthMs = lengthOf(window.name)
  if (lengthMs === undefined || window.utilization === undefined || isPast(window, now)) return undefined
  return perTimeLeft(Math.max(0, 1 - window.utilization), endOf(window, lengthMs, now) - now, lengthMs)
}

/** A window that has no end yet has all its time left. */
const endOf = ({ resetsAt }: Window, lengthMs: number, now: Millis): Millis =>
  resetsAt ?? later(now, lengthMs)

const perTimeLeft = (left: number, leftMs: number, lengthMs: number): number =>
  Math.min(MOST_SPARE, left / Math.max(LEAST_LEFT, Math.min(1, leftMs / lengthMs)))

export interface Headroom {
  /**
   * The least of what its windows for all models have to spare; 1 where nothing is known. In
   * steps of a fifth, so that accounts that are about equally well off take turns.
   */
  readonly spare: number
  /** The same for windows of single families; undefined where it has none. */
  readonly families: ReadonlyMap<string, number> | undefined
  /**
   * The same, less what those who are using it now are expected to take soon; 0 or less where
   * they alone would spend a window. Windows of more than a day count only where they are
   * ahead of an even pace: they hold nights too. In the same steps.
   */
  readonly room: number
  readonly familyRooms: ReadonlyMap<string, number> | undefined
  /** When the first of its windows that is still open begins anew; infinite where none is known. */
  readonly expiresAt: number
  /** Until the first is spent at the pace of late; infinite where each begins anew before. */
  readonly runwayHours: number
}

export const UNKNOWN_HEADROOM: Headroom = {
  spare: 1,
  families: undefined,
  room: 1,
  familyRooms: undefined,
  expiresAt: Number.POSITIVE_INFINITY,
  runwayHours: Number.POSITIVE_INFINITY,
}

/** How an account has been used of late. */
export interface Use {
  /** By window: the fraction of it that is used up in an hour. */
  readonly paces: ReadonlyMap<string, number>
  /** What it has been asked for, and what its windows are worth in the same tokens. */
  readonly tokensAnHour: number
  readonly worth: ReadonlyMap<string, number>
}

export const UNUSED: Use = { paces: new Map(), tokensAnHour: 0, worth: new Map() }

/** Over all of an account's windows: what is scarcest says how much it can bear. */
export function headroomOf(windows: readonly Window[], now: Millis, use: Use = UNUSED): Headroom {
  let spare: number | undefined
  let room: number | undefined
  let families: Map<string, number> | undefined
  let familyRooms: Map<string, number> | undefined
  for (const window of windows) {
    const own = spareOf(window, now)
    if (own === undefined) continue
    const family = shapeOf(window.name)?.family
    const left = roomOf(window, use, now)
    if (family === undefined) {
      spare = Math.min(spare ?? own, own)
      room = Math.min(room ?? left, left)
    } else {
      families = (families ?? new Map<string, number>()).set(family, coarse(own))
      familyRooms = (familyRooms ?? new Map<string, number>()).set(family, coarse(left))
    }
  }
  if (spare === undefined && families === undefined) return UNKNOWN_HEADROOM
  const ends = { expiresAt: soonestReset(windows, now), runwayHours: runwayOf(windows, use.paces, now) }
  return { spare: coarse(spare ?? 1), families, room: coarse(room ?? 1), familyRooms, ...ends }
}

/** Conversations that are under way go on for about that long. */
const SOON_HOURS = 0.33

function roomOf(window: Window, { tokensAnHour, worth }: Use, now: Millis): number {
  const lengthMs = lengthOf(window.name) ?? 0
  const { utilization = 0 } = window
  const leftMs = endOf(window, lengthMs, now) - now
  const whole = worth.get(window.name)
  const hours = Math.min(SOON_HOURS, leftMs / HOUR)
  const left = 1 - utilization - (whole === undefined ? 0 : (tokensAnHour * hours) / whole)
  if (left <= 0) return 0
  const room = perTimeLeft(left, leftMs, lengthMs)
  return lengthMs > DAY && room >= 1 ? MOST_SPARE : room
}

const STEPS_A_DOUBLING = 4

const coarse = (spare: number): number =>
  spare <= 0 ? 0 : 2 ** (Math.round(Math.log2(spare) * STEPS_A_DOUBLING) / STEPS_A_DOUBLING)

/** The highest utilization that is known of any window; 0 where none is. */
export function tightestOf(windows: readonly Window[], now: Millis): number {
  let most = 0
  for (const window of windows) {
    const { utilization = 0 } = window
    if (utilization > most && lengthOf(window.name) !== undefined && !isPast(window, now)) most = utilization
  }
  return most
}

function runwayOf(windows: readonly Window[], paces: ReadonlyMap<string, number>, now: Millis): number {
  let least = Number.POSITIVE_INFINITY
  for (const window of windows) {
    const { name, utilization, resetsAt } = window
    const pace = paces.get(name) ?? 0
    if (utilization === undefined || pace <= 0 || isPast(window, now)) continue
    const hours = Math.max(0, 1 - utilization) / pace
    if (resetsAt === undefined || hours < (resetsAt - now) / HOUR) least = Math.min(least, hours)
  }
  return least
}

function soonestReset(windows: readonly Window[], now: Millis): number {
  let soonest = Number.POSITIVE_INFINITY
  for (const { name, resetsAt, utilization = 0 } of windows) {
    if (resetsAt === undefined || resetsAt <= now || utilization >= 1 || lengthOf(name) === undefined)
      continue
    soonest = Math.min(soonest, resetsAt)
  }
  return soonest
}
