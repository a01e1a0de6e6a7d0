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
  /** What a person has to do; absent where it passes by itself. */
  readonly remedy?: string
}

/** A refused credential and an unreadable one stay so until something proves otherwise; a cooldown ends by itself. */
export function stateOf(account: Account, { cooldowns, login }: Health, now: Millis): AccountState {
  if (account.pausedAt !== undefined)
    return {
      kind: 'paused',
      reason: 'paused by hand',
      since: account.pausedAt,
      remedy: `Use it again with "spillway accounts resume ${account.name}".`,
    }
  if (login !== undefined)
    return {
      kind: 'needs-login',
      reason: login.reason,
      since: login.since,
      remedy: newCredentialFor(account),
    }
  const whole = cooldowns.filter(({ scope }) => scope.kind === 'account')
  const broken = whole.find(({ cause }) => cause === 'secret-unreadable')
  if (broken !== undefined) return { kind: 'error', ...wordsOf(broken), remedy: newCredentialFor(account) }
  const refused = whole.find(({ cause }) => cause === 'unauthorized')
  if (refused !== undefined)
    return { kind: 'needs-login', ...wordsOf(refused), remedy: newCredentialFor(account) }
  const cooling = whole.find(({ until }) => until > now)
  return cooling === undefined
    ? { kind: 'ready' }
    : { kind: 'cooling', ...wordsOf(cooling), until: cooling.until, ...remedyFor(cooling) }
}

const newCredentialFor = ({ name, tokenExpiresAt }: Account): string =>
  tokenExpiresAt === undefined
    ? `Give it a new key with "spillway accounts set ${name} --api-key-stdin".`
    : `Sign in again with "spillway accounts login ${name}".`

function remedyFor({ cause }: Cooldown): { readonly remedy?: string } {
  if (cause === 'billing') return { remedy: 'Look at the account’s balance and payment at its provider.' }
  if (cause === 'spend-limit') return { remedy: 'Raise the spend limit at its provider, or wait.' }
  return {}
}

const wordsOf = ({ evidence, since }: Cooldown): { readonly reason: string; readonly since: Millis } => ({
  reason: evidence,
  since,
})
