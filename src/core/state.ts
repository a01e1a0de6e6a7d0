/**
 * An account's state in one word, with its reason and times: what people are shown. Follows
 * from what the operator said and from the health; decides nothing itself.
 */
import type { Account } from './account.ts'
import type { Cooldown, Health } from './health.ts'
import type { Millis } from './time.ts'

export interface AccountState {
  readonly kind: 'ready' | 'cooling' | 'needs-login' | 'paused' | 'error'
  readonly reason?: string
  readonly since?: Millis
  readonly until?: Millis
}

/** A refused credential and an unreadable one stay so until something proves otherwise; a cooldown ends by itself. */
export function stateOf(account: Account, { cooldowns }: Health, now: Millis): AccountState {
  if (account.pausedAt !== undefined)
    return { kind: 'paused', reason: 'paused by hand', since: account.pausedAt }
  const whole = cooldowns.filter(({ scope }) => scope.kind === 'account')
  const broken = whole.find(({ cause }) => cause === 'secret-unreadable')
  if (broken !== undefined) return { kind: 'error', ...wordsOf(broken) }
  const refused = whole.find(({ cause }) => cause === 'unauthorized')
  if (refused !== undefined) return { kind: 'needs-login', ...wordsOf(refused) }
  const cooling = whole.find(({ until }) => until > now)
  return cooling === undefined
    ? { kind: 'ready' }
    : { kind: 'cooling', ...wordsOf(cooling), until: cooling.until }
}

const wordsOf = ({ evidence, since }: Cooldown): { readonly reason: string; readonly since: Millis } => ({
  reason: evidence,
  since,
})
