/**
 * What was so at a moment of the past, out of what was remembered: events of accounts, readings
 * of windows, traffic by slices. As close as that memory goes: a cooldown that was prolonged is
 * known by its first end only. Must not look past the moment that is asked for.
 */
import type { Account } from '../account.ts'
import type { AccountEvent } from '../event.ts'
import { type Cooldown, HEALTHY, type Health } from '../health.ts'
import type { Window } from '../limits.ts'
import type { StoredReading } from '../ports/stores.ts'
import { stateOf } from '../state.ts'
import { type Millis, startOfDay } from '../time.ts'
import type { AccountFact, BudgetFact, Facts, Runway } from './facts.ts'
import type { Scope } from './rule.ts'
import { sumBetween, type Timeline, type TrafficSlice, timelineOf } from './traffic.ts'

export interface PastAccount {
  readonly account: Account
  /** Oldest first, both. */
  readonly events: readonly AccountEvent[]
  readonly readings: readonly StoredReading[]
}

export interface DayBudget {
  readonly name: string
  readonly group: string
  readonly usdPerDay: number
}

export interface Past {
  readonly accounts: readonly PastAccount[]
  readonly slices: readonly TrafficSlice[]
  readonly budgets: readonly DayBudget[]
  /** Oldest first; each holds until the next. */
  readonly runways: readonly { readonly at: Millis; readonly runway: Runway }[]
}

/** To be asked for one moment after the other, never back. */
export type FactsAt = (now: Millis) => Facts

export function factsOf({ accounts, slices, budgets, runways }: Past, isInGroup: IsInGroup): FactsAt {
  const followed = accounts.map((account) => ({ account, at: follow(account) }))
  const timelines = new Map<string, Timeline>()
  const traffic = (scope: Scope): Timeline => {
    const key = JSON.stringify(scope)
    const known = timelines.get(key) ?? timelineOf(slices, scope, isInGroup)
    timelines.set(key, known)
    return known
  }
  let place = 0
  return (now) => {
    while ((runways[place + 1]?.at ?? Number.POSITIVE_INFINITY) <= now) place++
    const present = runways[place]
    return {
      accounts: followed.map(({ account, at }) => toFact(account.account, at(now), now)),
      budgets: budgets.map((budget) => spentBy(budget, traffic, now)),
      runway: present !== undefined && present.at <= now ? present.runway : { kind: 'unknown' },
      traffic,
    }
  }
}

export type IsInGroup = (account: string, group: string) => boolean

function spentBy({ name, group, usdPerDay }: DayBudget, traffic: Facts['traffic'], now: Millis): BudgetFact {
  const timeline = traffic(group === EVERYBODY ? {} : { group })
  const { costUsd: used } = sumBetween(timeline, startOfDay(now), now)
  return { name, group, used, limit: usdPerDay, unit: 'USD', period: 'day' }
}

const EVERYBODY = '*'

/** How an account stood, as its events tell it. */
export interface Stood {
  readonly pausedAt: Millis | undefined
  readonly health: Health
  readonly windows: readonly Window[]
}

const toFact = (account: Account, { pausedAt, health, windows }: Stood, now: Millis): AccountFact => ({
  id: account.id,
  name: account.name,
  groups: account.groups,
  state: stateOf({ ...account, pausedAt }, health, now),
  windows,
})

/** Goes along an account's events and readings. */
export function follow({ events, readings }: PastAccount): (now: Millis) => Stood {
  const windows = new Map<string, Window>()
  let stood: Standing = { pausedAt: undefined, health: HEALTHY }
  let event = 0
  let reading = 0
  return (now) => {
    for (let next = events[event]; next !== undefined && next.at <= now; next = events[++event])
      stood = after(stood, next)
    for (let next = readings[reading]; next !== undefined && next.at <= now; next = readings[++reading])
      windows.set(next.window, toWindow(next))
    return { ...stood, windows: [...windows.values()] }
  }
}

type Standing = Omit<Stood, 'windows'>

function after(stood: Standing, event: AccountEvent): Standing {
  const { at, kind, scope = WHOLE, cause, evidence = '', until } = event
  const { health } = stood
  switch (kind) {
    case 'cooling': {
      if (scope !== WHOLE || until === undefined) return stood
      // Written from the same union.
      const said = { cause: cause as Cooldown['cause'], evidence }
      const cooldown: Cooldown = { scope: { kind: WHOLE }, ...said, since: at, until }
      return { ...stood, health: { ...health, cooldowns: [cooldown] } }
    }
    case 'needs-login':
      return { ...stood, health: { ...health, login: { since: at, reason: evidence } } }
    case 'recovered':
    case 'reopened':
      return scope === WHOLE ? { ...stood, health: HEALTHY } : stood
    case 'new-credential':
    case 'cleared':
      return { ...stood, health: HEALTHY }
    case 'paused':
      return { ...stood, pausedAt: at }
    case 'resumed':
      return { ...stood, pausedAt: undefined }
  }
}

const WHOLE = 'account'

const toWindow = ({ window: name, at: readAt, utilization, resetsAt, status }: StoredReading): Window => ({
  name,
  readAt,
  ...(utilization === undefined ? {} : { utilization }),
  ...(resetsAt === undefined ? {} : { resetsAt }),
  ...(status === undefined ? {} : { status }),
})
