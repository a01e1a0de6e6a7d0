/**
 * Why an account cannot take a request. One function, asked on every path: by strategies,
 * for spills, for the explanation and for the answer when nobody is left. Must not rank.
 */
import { type Account, servedModelOf } from './account.ts'
import type { Cause } from './failure.ts'
import { type Cooldown, isAbout } from './health.ts'
import { isReachable } from './owner.ts'
import type { AccountView, Situation } from './situation.ts'
import type { Millis } from './time.ts'

export interface Refusal {
  readonly account: Account
  readonly reason: 'paused' | 'needs-login' | 'not-the-owner' | 'probing' | 'cooling'
  /** For `cooling`: from what. */
  readonly cause?: Cause
  readonly evidence?: string
  readonly until?: Millis
}

export function refusalOf(
  view: AccountView,
  situation: Pick<Situation, 'request' | 'now'>,
): Refusal | undefined {
  const { account } = view
  const { owner, model } = situation.request
  if (account.pausedAt !== undefined) return { account, reason: 'paused' }
  if (owner !== undefined && !isReachable(owner, view)) return { account, reason: 'not-the-owner' }
  const { cooldowns, login } = view.health
  if (login !== undefined) return { account, reason: 'needs-login', evidence: login.reason }
  if (cooldowns.length === 0) return undefined
  const served = model === undefined ? undefined : servedModelOf(account, model)
  const cooldown = worst(cooldowns.filter(({ scope }) => isAbout(scope, served)))
  if (cooldown === undefined) return undefined
  const { cause, evidence, until } = cooldown
  if (until > situation.now) return { account, reason: 'cooling', cause, evidence, until }
  return view.probingSince === undefined ? undefined : { account, reason: 'probing', cause, evidence }
}

const worst = (cooldowns: readonly Cooldown[]): Cooldown | undefined =>
  cooldowns.reduce<Cooldown | undefined>(
    (longest, next) => (longest === undefined || next.until > longest.until ? next : longest),
    undefined,
  )
