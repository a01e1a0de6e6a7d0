/**
 * Whether the wall clock may be trusted with deleting: a clock that has jumped ahead would
 * make everything look old. A jump is believed once it has stood for a day; what was trusted
 * before counts until then. Pure; who asks remembers the answer.
 */
import { DAY, later, type Millis } from './time.ts'

export interface ClockTrust {
  /** The time that may be deleted by. */
  readonly trusted: Millis
  /** The clock says something else, and since when by its own account. */
  readonly doubt?: ClockDoubt
}

export interface ClockDoubt {
  readonly since: Millis
  readonly seen: Millis
}

/** Between two looks as much may pass by itself: more may be a jump, or a machine that was off. */
const LARGEST_STEP_MS = DAY
const BELIEVED_AFTER_MS = DAY
/** A doubted clock that goes on like this is still the same one. */
const LONGEST_GAP_MS = 31 * DAY

/** `before`: the answer of the last look, whenever that was. Going back is always believed: it deletes less. */
export function trustOf(before: ClockTrust, now: Millis): ClockTrust {
  const { trusted, doubt } = before
  if (now <= later(trusted, LARGEST_STEP_MS)) return { trusted: now }
  const isSame = doubt !== undefined && now >= doubt.seen && now <= later(doubt.seen, LONGEST_GAP_MS)
  if (!isSame) return { trusted, doubt: { since: now, seen: now } }
  if (now - doubt.since >= BELIEVED_AFTER_MS) return { trusted: now }
  return { trusted, doubt: { since: doubt.since, seen: now } }
}
