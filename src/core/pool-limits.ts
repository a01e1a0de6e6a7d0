/**
 * How the accounts stand together: the windows of all who can be used, weighed by the size of
 * their plans, as if they were one plan. What clients are shown in the place of any single
 * account's limits (`wire.md` §1.7). Must not guess: what no provider has said is left out.
 */
import type { Account } from './account.ts'
import type { Health } from './health.ts'
import { isPast, type Window } from './limits.ts'
import type { Millis } from './time.ts'

export interface PoolMember {
  readonly account: Account
  readonly health: Health
  readonly windows: readonly Window[]
}

export type PoolWindowName = '5h' | '7d'

export interface PoolWindow {
  readonly name: PoolWindowName
  /** A fraction of everything that the members have, 0 to 1. */
  readonly utilization: number
  /** When the first of them begins anew. */
  readonly resetsAt: Millis | undefined
  readonly status: 'allowed' | 'allowed_warning' | 'rejected'
}

export interface PoolLimits {
  readonly status: PoolWindow['status']
  /** The window that is nearest to its end. */
  readonly tightest: PoolWindow
  readonly windows: readonly PoolWindow[]
}

const NAMES: readonly PoolWindowName[] = ['5h', '7d']
const WARNING = 0.9

/** Undefined when no account that can be used has such windows: then there is nothing to tell. */
export function poolLimitsOf(members: readonly PoolMember[], now: Millis): PoolLimits | undefined {
  const active = members.filter(
    ({ account, health }) => account.pausedAt === undefined && health.login === undefined,
  )
  const usable = active.filter((member) => isUsable(member, now))
  const isOpenEnded = usable.some(({ windows }) => !windows.some(isPlans))
  const terms = { isOpenEnded, isSpent: usable.length === 0, now }
  const windows = NAMES.flatMap((name) => poolWindow(name, active, terms) ?? [])
  const [first, second] = windows
  if (first === undefined) return undefined
  const tightest = second !== undefined && second.utilization > first.utilization ? second : first
  return { status: terms.isSpent ? 'rejected' : tightest.status, tightest, windows }
}

const isPlans = ({ name }: Window): boolean => NAMES.some((each) => each === name)

/** A throttle passes within seconds: no plan is at its end for that. */
const isUsable = ({ health }: PoolMember, now: Millis): boolean =>
  !health.cooldowns.some(
    ({ scope, cause, until }) => scope.kind === 'account' && cause !== 'throttled' && until > now,
  )

interface Terms {
  /** Somebody can take requests whose provider counts in no such windows. */
  readonly isOpenEnded: boolean
  /** Nobody can take requests. As long as somebody can, no window is spent. */
  readonly isSpent: boolean
  readonly now: Millis
}

function poolWindow(
  name: PoolWindowName,
  members: readonly PoolMember[],
  { isOpenEnded, isSpent, now }: Terms,
): PoolWindow | undefined {
  let size = 0
  let used = 0
  let first: Millis | undefined
  for (const { account, windows } of members) {
    const window = windows.find((each) => each.name === name)
    if (window?.utilization === undefined || isPast(window, now)) continue
    size += sizeOf(account)
    used += Math.min(1, window.utilization) * sizeOf(account)
    if (window.resetsAt !== undefined && window.resetsAt < (first ?? Number.POSITIVE_INFINITY))
      first = window.resetsAt
  }
  if (size === 0) return undefined
  const utilization = used / size
  const isTight = utilization >= WARNING && !isOpenEnded
  const soft = isTight ? 'allowed_warning' : 'allowed'
  return { name, utilization, resetsAt: first, status: isSpent && utilization >= 1 ? 'rejected' : soft }
}

/** A plan's tier says how many of the smallest plans it is worth. */
const sizeOf = ({ tier }: Account): number => (tier > 0 ? tier : 1)
