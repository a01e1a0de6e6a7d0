/**
 * Watches the wall clock: tells what time may be deleted by, which a jump must not move, and
 * says so where it went back or far ahead. Remembers across restarts.
 */
import { type ClockTrust, trustOf } from '../core/clock-trust.ts'
import type { Clock } from '../core/ports/clock.ts'
import { DAY, describeLength, HOUR, MINUTE, type Millis, toIso, toMillis } from '../core/time.ts'
import type { Database } from '../storage/database.ts'
import { readMeta, writeMeta } from '../storage/settings.ts'

export interface ClockWatch {
  /** The time to delete by: now, or, where the clock is in doubt, the last that was beyond it. Throws DatabaseError. */
  trusted(): Promise<Millis>
  /** Looks whether the clock has jumped since the last look; true when it went far. */
  hasJumped(): boolean
  problems(): readonly string[]
}

export interface ClockWatchOptions {
  readonly clock: Clock
  readonly database: Database
  /** When the newest row was booked: what is trusted where nothing else is known. */
  readonly newest: () => Promise<Millis | undefined>
}

const REMEMBERED_AS = 'trusted-clock'
/** A machine may have slept, or been off, for a while: that is no fault. */
const WORTH_TELLING_MS = 30 * DAY
const STEP_BACK_MS = 5 * MINUTE
const TOLD_FOR_MS = HOUR

export function createClockWatch({ clock, database, newest }: ClockWatchOptions): ClockWatch {
  let trust: ClockTrust | undefined
  let last = { wall: clock.now(), elapsed: clock.elapsed() }
  let steppedBack: { readonly byMs: number; readonly at: number } | undefined

  const remembered = async (): Promise<ClockTrust> => {
    const now = clock.now()
    const text = await readMeta(database, REMEMBERED_AS)
    if (text !== undefined) return JSON.parse(text)
    return { trusted: toMillis(Math.min(now, (await newest()) ?? now)) }
  }
  // Now, before anything is booked by a clock that may jump in a moment.
  let atStart: Promise<ClockTrust> | undefined = remembered()
  atStart.catch(() => {
    atStart = undefined
  })
  return {
    async trusted() {
      trust = trustOf(trust ?? (await (atStart ?? remembered())), clock.now())
      await writeMeta(database, REMEMBERED_AS, JSON.stringify(trust))
      return trust.trusted
    },
    hasJumped() {
      const present = { wall: clock.now(), elapsed: clock.elapsed() }
      const byMs = present.wall - last.wall - (present.elapsed - last.elapsed)
      last = present
      if (byMs < -STEP_BACK_MS) steppedBack = { byMs: -byMs, at: present.elapsed }
      return Math.abs(byMs) > DAY
    },
    problems: () => [
      ...doubtIn(trust),
      ...(steppedBack !== undefined && clock.elapsed() - steppedBack.at < TOLD_FOR_MS
        ? [
            `The clock went back by ${describeLength(steppedBack.byMs)}: what was booked before looks newer than ` +
              'what is booked now. Turn on time synchronization.',
          ]
        : []),
    ],
  }
}

function doubtIn(trust: ClockTrust | undefined): readonly string[] {
  if (trust?.doubt === undefined) return []
  const aheadMs = trust.doubt.seen - trust.trusted
  if (aheadMs < WORTH_TELLING_MS) return []
  return [
    `The clock says ${toIso(trust.doubt.seen)}, ${describeLength(aheadMs)} later than when it was last believed. ` +
      'Nothing is deleted by that time before it has stood for a day; set the clock right if it is wrong.',
  ]
}
