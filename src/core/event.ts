/**
 * What has happened to an account, with the evidence for it: the history behind its present
 * state. Follows from two states of its health; decides nothing itself. Must not hold
 * anything secret: evidence is shown to people.
 */
import { type Health, scopeKey } from './health.ts'
import type { Millis } from './time.ts'

export type EventKind =
  /** Something is held against the account, or a part of it, for a time. */
  | 'cooling'
  /** A request has shown that a cooldown is over. */
  | 'recovered'
  /** A poll has shown that a cooldown is over before its time. */
  | 'reopened'
  | 'needs-login'
  /** A new credential has come: by hand, by a sign-in or by a renewal. */
  | 'new-credential'
  /** Whatever was held against it was forgotten by hand. */
  | 'cleared'
  | 'paused'
  | 'resumed'

export interface AccountEvent {
  readonly at: Millis
  readonly kind: EventKind
  /** "account", "family:<name>" or "model:<name>". */
  readonly scope?: string
  readonly cause?: string
  readonly evidence?: string
  readonly until?: Millis
}

/** What the step from one health to the next is called when something ends by it. */
export type Ending = Extract<EventKind, 'recovered' | 'reopened' | 'new-credential' | 'cleared'>

/** Nothing for a cooldown that only went on. */
export function eventsBetween(
  before: Health,
  after: Health,
  { ending, now: at }: { readonly ending: Ending; readonly now: Millis },
): readonly AccountEvent[] {
  const events: AccountEvent[] = []
  for (const cooldown of after.cooldowns) {
    const { scope, cause, evidence, until } = cooldown
    const known = before.cooldowns.find(
      (each) => each.cause === cause && scopeKey(each.scope) === scopeKey(scope),
    )
    if (known === undefined)
      events.push({ at, kind: 'cooling', scope: scopeKey(scope), cause, evidence, until })
    else if (known.until > until && ending === 'reopened')
      events.push({ at, kind: 'reopened', scope: scopeKey(scope), cause })
  }
  const isLoginNew = after.login !== undefined && before.login === undefined
  for (const { scope, cause } of before.cooldowns) {
    // What a need of a sign-in takes the place of has not ended well.
    const isGone = !isLoginNew && !after.cooldowns.some((each) => scopeKey(each.scope) === scopeKey(scope))
    if (isGone) events.push({ at, kind: ending, scope: scopeKey(scope), cause })
  }
  if (after.login !== undefined && isLoginNew)
    events.push({ at, kind: 'needs-login', evidence: after.login.reason })
  if (after.login === undefined && before.login !== undefined)
    events.push({ at, kind: ending, scope: 'account' })
  return events
}
