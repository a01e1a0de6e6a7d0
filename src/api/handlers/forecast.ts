/**
 * The handlers of the forecast: read what is needed, account by account so that nothing else
 * waits for it, and keep the result for a minute, so that a dashboard that asks again and
 * again costs nothing. What it says is decided in core/forecast.ts.
 */
import type { Account } from '../../core/account.ts'
import { HISTORY_MS } from '../../core/forecast.ts'
import { forecastAll, standingOf, type WholeForecast } from '../../core/forecast-all.ts'
import { type Outcome, originsOf, outcomesAt, scoresOf } from '../../core/forecast-backtest.ts'
import { readAll } from '../../core/reading-pages.ts'
import { DAY, HOUR, later, MINUTE, type Millis, toIso } from '../../core/time.ts'
import type { Answer, Input } from '../contract.ts'
import { toForecastView } from '../forecast-views.ts'
import type { Handlers } from '../handlers.ts'
import { type Kept, keepFor } from '../keep-for.ts'
import type { Services } from '../services.ts'
import { findAccount } from './account-input.ts'

const FORECAST_KEPT_MS = MINUTE
/** Reckoning it takes seconds, and a day more or less changes little. */
const BACKTEST_KEPT_MS = 10 * MINUTE
const BACKTEST_EVERY_MS = 3 * HOUR

export function forecastHandlers(services: Services): Pick<Handlers, 'forecast' | 'backtest'> {
  const { clock } = services
  const forecasts: Kept<WholeForecast> = keepFor(FORECAST_KEPT_MS, clock)
  const backtests: Kept<Answer<'backtest'>> = keepFor(BACKTEST_KEPT_MS, clock)
  return {
    async forecast({ query: { account, offsetMinutes } }) {
      const only = account === undefined ? undefined : findAccount(services, account).name
      const whole = await forecasts(standingOf(services), () => forecastAll(services))
      return toForecastView(whole, { only, offsetMinutes })
    },
    async backtest({ query }) {
      const accounts =
        query.account === undefined ? services.accounts.all() : [findAccount(services, query.account)]
      const key = `${query.days} ${accounts.map(({ id }) => id).join(' ')}`
      return backtests(key, () => backtest(services, accounts, query))
    },
  }
}

const readingsOf = ({ readings, clock }: Services, { id }: Account, since: Millis) =>
  readAll(readings, { account: id, since, until: clock.now() })

async function backtest(
  services: Services,
  accounts: readonly Account[],
  { days }: Input<'backtest'>['query'],
): Promise<Answer<'backtest'>> {
  const { clock } = services
  const to = clock.now()
  const from = later(to, -days * DAY)
  const outcomes: Outcome[] = []
  for (const account of accounts) {
    const readings = await readingsOf(services, account, later(from, -HISTORY_MS))
    for (const at of originsOf({ from, to, everyMs: BACKTEST_EVERY_MS })) {
      outcomes.push(...outcomesAt(readings, at))
      // Each takes milliseconds, all of them seconds: streams go on in between.
      await clock.sleep(0)
    }
  }
  const names = [...new Set(outcomes.map(({ window }) => window))].sort()
  return {
    from: toIso(from),
    to: toIso(to),
    everyHours: BACKTEST_EVERY_MS / HOUR,
    windows: names.map((name) => ({
      name,
      horizons: scoresOf(outcomes.filter(({ window }) => window === name)).map((score) => ({ ...score })),
    })),
  }
}
