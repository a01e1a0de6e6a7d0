/**
 * When the accounts' windows are spent, and until when the pool is safe. An account at a time,
 * so that the shell can let go in between; then the pool. Paused accounts, and those that need
 * a person, are forecast for themselves and do not count for the pool.
 */
import { levelsOf, type Reading } from './forecast-growth.ts'
import { type PoolAccount, type PoolOutlook, poolOutlook } from './forecast-pool.ts'
import { type Forecasted, forecastWindow, type WindowForecast } from './forecast-window.ts'
import type { Window } from './limits.ts'
import type { AccountState } from './state.ts'
import { DAY, later, type Millis } from './time.ts'
import { isMetering, lengthOf } from './window.ts'

/** So much history is of use. */
export const HISTORY_MS = 28 * DAY

export interface ForecastInput {
  readonly account: string
  readonly state: Pick<AccountState, 'kind' | 'until'>
  readonly tier: number
  /** Whether its provider tells its windows when it is asked: then none known means not asked yet. */
  readonly tellsUsage: boolean
  /** As they were read last. */
  readonly windows: readonly Window[]
  /** Of `HISTORY_MS` before now, in any order. */
  readonly readings: readonly Reading[]
}

export interface AccountForecast {
  readonly account: string
  readonly state: AccountState['kind']
  /** Whether it can take requests now. */
  readonly isUsable: boolean
  readonly windows: readonly WindowForecast[]
  /** What it is to the pool; a text: why it is not counted on. */
  readonly part: PoolAccount | string
}

export interface Tightest {
  readonly account: string
  readonly window: string
  /** That it is spent before its reset; undefined where too little is known. */
  readonly probability: number | undefined
}

export interface PoolForecast {
  readonly computedAt: Millis
  readonly usable: number
  readonly total: number
  readonly outlook: PoolOutlook
  readonly tightest: Tightest | undefined
  readonly uncounted: readonly { readonly account: string; readonly reason: string }[]
}

export function forecastAccount(input: ForecastInput, now: Millis): AccountForecast {
  const found = forecastedOf(input, now)
  const isOut = found.some(({ forecast }) => isLimiting(forecast) && forecast.outlook.kind === 'spent')
  return {
    account: input.account,
    state: input.state.kind,
    isUsable: input.state.kind === 'ready' && !isOut,
    windows: found.map(({ forecast }) => forecast),
    part: partOf(input, found, now),
  }
}

function forecastedOf({ windows, readings }: ForecastInput, now: Millis): readonly Forecasted[] {
  const present = windows.filter(({ utilization }) => utilization !== undefined)
  const levels = levelsOf([...readings, ...present.map(toReading)], now)
  return present.flatMap(({ name }) => {
    const own = levels.get(name) ?? []
    const last = own.at(-1)
    return last === undefined ? [] : forecastWindow(own, last, now)
  })
}

const toReading = ({ name, readAt, utilization, resetsAt, status }: Window): Reading => ({
  window: name,
  at: readAt,
  utilization,
  resetsAt,
  status,
})

/** Whether a spent window stops the whole account: not one of a single family of models, nor paid overage. */
const isLimiting = ({ window }: Pick<WindowForecast, 'window'>): boolean => isMetering(window, undefined)

function partOf(
  { account, state, tier, tellsUsage, windows }: ForecastInput,
  all: readonly Forecasted[],
  now: Millis,
): PoolAccount | string {
  if (state.kind === 'paused') return 'it is paused'
  if (state.kind === 'needs-login' || state.kind === 'error') return 'it needs a person'
  if (tellsUsage && windows.length === 0) return 'its windows have not been read yet'
  const found = all.filter(({ forecast }) => isLimiting(forecast))
  const prospects = found.flatMap(({ prospect }) => prospect ?? [])
  const rests = [state.until, ...found.map((each) => restOf(each, now))].filter((at) => at !== undefined)
  const lack = found.find(
    ({ forecast, prospect }) => prospect === undefined && forecast.outlook.kind === 'unknown',
  )
  if (prospects.length === 0 && rests.length === 0 && lack?.forecast.outlook.kind === 'unknown')
    return `${lack.forecast.window}: ${lack.forecast.outlook.reason}`
  const restsUntil = rests.length === 0 ? undefined : later(now, Math.max(...rests) - now)
  return { account, prospects, restsUntil, size: tier > 0 ? tier : 1 }
}

/** A spent window rests its account, also where too little is known to say more. */
function restOf({ forecast, prospect }: Forecasted, now: Millis): Millis | undefined {
  if (forecast.outlook.kind !== 'spent' || prospect !== undefined) return undefined
  return forecast.resetsAt ?? later(now, lengthOf(forecast.window) ?? DAY)
}

export function forecastPool(accounts: readonly AccountForecast[], now: Millis): PoolForecast {
  const parts = accounts.flatMap(({ part }) => (typeof part === 'string' ? [] : part))
  return {
    computedAt: now,
    usable: accounts.filter(({ isUsable }) => isUsable).length,
    total: accounts.length,
    outlook: poolOutlook(parts, now),
    tightest: tightestOf(accounts),
    uncounted: accounts.flatMap(({ account, part }) =>
      typeof part === 'string' ? { account, reason: part } : [],
    ),
  }
}

/** Of the windows that are not spent yet: the likeliest to be, else the fullest. */
function tightestOf(accounts: readonly AccountForecast[]): Tightest | undefined {
  const windows = accounts
    .filter(({ isUsable }) => isUsable)
    .flatMap(({ account, windows }) =>
      windows
        .filter((window) => isLimiting(window) && window.utilization !== undefined)
        .map((window) => ({ account, window, risk: riskOf(window) })),
    )
  const [first] = windows.toSorted(
    (a, b) => (b.risk ?? -1) - (a.risk ?? -1) || (b.window.utilization ?? 0) - (a.window.utilization ?? 0),
  )
  return first && { account: first.account, window: first.window.window, probability: first.risk }
}

const riskOf = ({ outlook }: WindowForecast): number | undefined =>
  outlook.kind === 'lasts' || outlook.kind === 'runs-out' ? outlook.probability : undefined
