/**
 * The whole forecast, read through ports: account by account, so that nothing else waits for
 * it. What it says is decided in forecast.ts; whoever asks again and again keeps the result.
 */
import type { Account, AccountId } from './account.ts'
import {
  type AccountForecast,
  forecastAccount,
  forecastPool,
  HISTORY_MS,
  type PoolForecast,
} from './forecast.ts'
import type { Health } from './health.ts'
import type { Window } from './limits.ts'
import type { Clock } from './ports/clock.ts'
import type { ReadingStore } from './ports/stores.ts'
import { readAll } from './reading-pages.ts'
import { stateOf } from './state.ts'
import { later } from './time.ts'

export interface WholeForecast {
  readonly accounts: readonly AccountForecast[]
  readonly pool: PoolForecast
}

export interface ForecastSources {
  readonly clock: Pick<Clock, 'now' | 'sleep'>
  readonly accounts: { all(): readonly Account[] }
  readonly live: { of(id: AccountId): { readonly health: Health; readonly windows: readonly Window[] } }
  readonly readings: Pick<ReadingStore, 'list'>
  readonly providers: readonly { readonly id: string; readonly tellsUsage: boolean }[]
}

/** What a forecast is no longer true after: which accounts there are, and how each stands. */
export const standingOf = ({ accounts, live, clock }: ForecastSources): string =>
  accounts
    .all()
    .map((account) => {
      const { kind, until } = stateOf(account, live.of(account.id).health, clock.now())
      return `${account.id} ${account.name} ${account.tier} ${kind} ${until ?? ''}`
    })
    .join('\n')

export async function forecastAll(sources: ForecastSources): Promise<WholeForecast> {
  const { clock, readings: store } = sources
  const now = clock.now()
  const telling = new Set(sources.providers.flatMap(({ id, tellsUsage }) => (tellsUsage ? id : [])))
  const accounts: AccountForecast[] = []
  for (const account of sources.accounts.all()) {
    const { windows, health } = sources.live.of(account.id)
    const state = stateOf(account, health, now)
    const query = { account: account.id, since: later(now, -HISTORY_MS), until: now }
    const readings = windows.length === 0 ? [] : await readAll(store, query)
    const { name, tier, provider } = account
    const tellsUsage = telling.has(provider)
    accounts.push(forecastAccount({ account: name, state, tier, tellsUsage, windows, readings }, now))
    await clock.sleep(0)
  }
  return { accounts, pool: forecastPool(accounts, now) }
}
