/**
 * How the accounts stand together: the windows of all who can be used, weighed by the size of
 * their plans, as if they were one plan. What clients are shown in the place of any single
 * account's limits (`wire.md` §1.7). Must not guess: what no provider has said is left out.
 */
import type { Account } from './account.ts'
import type { Health } from './health.ts'
import { asOf, type Window } from './limits.ts'
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
  const isOpenEnded = active.some((member) => isUsable(member, now) && !member.windows.some(isPlans))
  const windows = NAMES.flatMap((name) => poolWindow(name, active, { isOpenEnded, now }) ?? [])
  const [tightest] = windows.toSorted((a, b) => b.utilization - a.utilization)
  if (tightest === undefined) return undefined
  const isRejected = !isOpenEnded && !active.some((member) => isUsable(member, now))
  return { status: isRejected ? 'rejected' : softer(tightest.status), tightest, windows }
}

const isPlans = ({ name }: Window): boolean => NAMES.some((each) => each === name)

/** As long as somebody can take requests, nobody is turned away. */
const softer = (status: PoolWindow['status']): PoolWindow['status'] =>
  status === 'rejected' ? 'allowed_warning' : status

const isUsable = ({ health }: PoolMember, now: Millis): boolean =>
  !health.cooldowns.some(({ scope, until }) => scope.kind === 'account' && until > now)

function poolWindow(
  name: PoolWindowName,
  members: readonly PoolMember[],
  { isOpenEnded, now }: { readonly isOpenEnded: boolean; readonly now: Millis },
): PoolWindow | undefined {
  const known = members.flatMap(({ account, windows }) => {
    const window = windows.find((each) => each.name === name)
    const { utilization, resetsAt } = window === undefined ? {} : asOf(window, now)
    return utilization === undefined
      ? []
      : [{ used: Math.min(1, utilization), resetsAt, size: sizeOf(account) }]
  })
  if (known.length === 0) return undefined
  const size = known.reduce((sum, each) => sum + each.size, 0)
  const utilization = known.reduce((sum, each) => sum + each.used * each.size, 0) / size
  const resets = known.flatMap(({ resetsAt }) => resetsAt ?? [])
  const first = resets.toSorted((a, b) => a - b)[0]
  const isSpent = utilization >= 1 && !isOpenEnded
  const isTight = utilization >= WARNING && !isOpenEnded
  const soft = isTight ? 'allowed_warning' : 'allowed'
  return { name, utilization, resetsAt: first, status: isSpent ? 'rejected' : soft }
}

/** A plan's tier says how many of the smallest plans it is worth. */
const sizeOf = ({ tier }: Account): number => (tier > 0 ? tier : 1)
