/**
 * What a request changes on an account while it is under way: slots, expected tokens, turns,
 * the running session, the test that it may be. Must not judge how it ended.
 */
import { circuitOf, ORIGIN_FACTOR } from '../core/circuit.ts'
import { isAbout } from '../core/health.ts'
import type { StoredSession } from '../core/ports/stores.ts'
import { shareOf } from '../core/strategies.ts'
import type { Millis } from '../core/time.ts'
import { type Live, recentTokens, refresh } from './live.ts'

export interface Sending {
  /** The model that the account is asked for. */
  readonly model: string | undefined
  /** What the request is expected to use. */
  readonly tokens: number
}

interface Moment {
  readonly turn: number
  /** How far the pool is in its weighted turns. */
  readonly virtualTime: number
  readonly now: Millis
  readonly elapsed: number
  readonly sessionMs: number
  readonly circuitFaults: number
}

export interface BegunSending extends Sending {
  /** The moment of the test, if the request puts an expired cooldown or an open circuit to one. */
  readonly probe: Millis | undefined
  readonly startedElapsed: number
}

export function beginOn(live: Live, sending: Sending, moment: Moment): BegunSending {
  const { turn, virtualTime, now, elapsed, sessionMs, circuitFaults } = moment
  const isOwn =
    isTest(live, sending.model, now) || circuitOf(live.health.faults, circuitFaults, now).kind !== 'closed'
  const isShared = circuitOf(live.origin.faults, circuitFaults * ORIGIN_FACTOR, now).kind !== 'closed'
  live.inFlight++
  live.begun++
  live.expectedTokens += sending.tokens
  live.recentTokens = recentTokens(live, now) + sending.tokens
  live.recentAt = now
  if (live.windows.length > 0) refresh(live, now)
  // Readings come with the head of an answer, so that what is in flight counts already.
  for (const served of live.served.values()) served.tokens += sending.tokens
  live.lastTurn = turn
  live.dueAt = Math.max(live.dueAt, virtualTime) + 1 / shareOf(live.account)
  if (isOwn) live.probingSince = now
  if (isShared) live.origin.probingSince = now
  live.session = nextSession(live.session, now, sessionMs)
  return { ...sending, probe: isOwn || isShared ? now : undefined, startedElapsed: elapsed }
}

const NEW_SHARE = 0.2

/** Whatever is learnt of an account ends its test; one that taught nothing, because its client left, ends here. */
export function release(live: Live, { probe, tokens, startedElapsed }: BegunSending, elapsed: number): void {
  live.inFlight--
  live.expectedTokens = live.inFlight === 0 ? 0 : live.expectedTokens - tokens
  const ms = elapsed - startedElapsed
  live.meanMs = live.meanMs === undefined ? ms : live.meanMs + NEW_SHARE * (ms - live.meanMs)
  if (probe === undefined) return
  if (live.probingSince === probe) live.probingSince = undefined
  if (live.origin.probingSince === probe) live.origin.probingSince = undefined
}

/** Whether a request for `model` would put an expired cooldown to the test (G8). */
const isTest = ({ health }: Live, model: string | undefined, now: Millis): boolean =>
  health.cooldowns.length > 0 &&
  health.cooldowns.some(({ scope, until }) => until <= now && isAbout(scope, model))

function nextSession(session: StoredSession | undefined, now: Millis, sessionMs: number): StoredSession {
  if (session === undefined || now - session.startedAt >= sessionMs) return { startedAt: now, requests: 1 }
  return { ...session, requests: session.requests + 1 }
}
