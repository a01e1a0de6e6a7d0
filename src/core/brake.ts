/**
 * The runaway brake: whether one conversation asks the very same thing again and again, or
 * uses up tokens faster than anybody would by intent. Only what was answered counts: whatever
 * failed is rightly tried again. Says what it saw; must not refuse anybody itself.
 */
import { later, MINUTE, type Millis, toIso } from './time.ts'

export interface BrakePolicy {
  /** Answers to the same request within ten minutes; 0: never mind. */
  readonly repeats: number
  /** Of one conversation, reads from caches aside; 0: never mind. */
  readonly tokensPerMinute: number
}

/** What is remembered of a conversation; of bounded size. */
export interface Trail {
  readonly repeats: readonly Repeat[]
  /** Tokens of the minute that began at `minute`, and of the one before. */
  readonly minute: Millis
  readonly tokens: number
  readonly tokensBefore: number
}

interface Repeat {
  readonly digest: string
  readonly count: number
  readonly since: Millis
}

export interface Runaway {
  readonly kind: 'repeats' | 'velocity'
  /** For people, in plain letters: it travels in a header. */
  readonly words: string
  /** When it is over, if nothing more comes. */
  readonly until: Millis
}

const SPAN_MS = 10 * MINUTE
/** A client that goes around in a circle of requests is found as long as the circle is no longer. */
const MOST_REPEATS = 8

export const NEW_TRAIL: Trail = { repeats: [], minute: 0 as Millis, tokens: 0, tokensBefore: 0 }

/** Whether the request with this digest is one too many. */
export function runawayIn(
  trail: Trail,
  digest: string | undefined,
  { policy, now }: { readonly policy: BrakePolicy; readonly now: Millis },
): Runaway | undefined {
  const same = trail.repeats.find((each) => each.digest === digest && counts(each, now))
  if (policy.repeats > 0 && same !== undefined && same.count >= policy.repeats) {
    const until = later(same.since, SPAN_MS)
    const words = `the same request was answered ${same.count} times within 10 minutes; it counts until ${toIso(until)}`
    return { kind: 'repeats', words, until }
  }
  const rate = velocityOf(trail, now)
  if (policy.tokensPerMinute === 0 || rate <= policy.tokensPerMinute) return undefined
  const words = `its conversation used ${Math.round(rate)} tokens in the last minute, more than ${policy.tokensPerMinute}`
  return { kind: 'velocity', words, until: later(now, MINUTE) }
}

/** A clock that was put back makes what was counted by it worthless. */
const counts = ({ since }: Repeat, now: Millis): boolean => since <= now && now - since < SPAN_MS

/** The last minute, as far as two whole minutes tell. */
function velocityOf({ minute, tokens, tokensBefore }: Trail, now: Millis): number {
  const passed = now - minute
  if (passed < 0) return 0
  if (passed >= 2 * MINUTE) return 0
  if (passed >= MINUTE) return tokens * (2 - passed / MINUTE)
  return tokens + tokensBefore * (1 - passed / MINUTE)
}

/**
 * A request is over. `digest`: of what was answered; undefined where it was not. `tokens`:
 * what it used within its last minute, reads from caches aside.
 */
export function trailAfter(
  trail: Trail,
  {
    digest,
    tokens,
    now,
  }: { readonly digest: string | undefined; readonly tokens: number; readonly now: Millis },
): Trail {
  const passed = now - trail.minute
  const spent =
    passed >= 0 && passed < MINUTE
      ? { minute: trail.minute, tokens: trail.tokens + tokens, tokensBefore: trail.tokensBefore }
      : { minute: now, tokens, tokensBefore: passed >= 0 && passed < 2 * MINUTE ? trail.tokens : 0 }
  return { ...spent, repeats: digest === undefined ? trail.repeats : withRepeat(trail.repeats, digest, now) }
}

function withRepeat(repeats: readonly Repeat[], digest: string, now: Millis): readonly Repeat[] {
  const known = repeats.find((each) => each.digest === digest && counts(each, now))
  const next = known === undefined ? { digest, count: 1, since: now } : { ...known, count: known.count + 1 }
  const others = repeats.filter((each) => each.digest !== digest)
  return [...others.slice(-(MOST_REPEATS - 1)), next]
}

/** Of what a request used, what lies within its last minute: long answers are booked at their end. */
export const withinLastMinute = (tokens: number, durationMs: number): number =>
  tokens * Math.min(1, MINUTE / Math.max(1, durationMs))
