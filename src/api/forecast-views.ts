/** The forecast in the API's shapes. Must not decide anything that the core decides. */
import type { AccountForecast, PoolForecast } from '../core/forecast.ts'
import type { PoolOutlook } from '../core/forecast-pool.ts'
import type { Outlook, Range, WindowForecast } from '../core/forecast-window.ts'
import { type ClockOffset, sentenceOf } from '../core/forecast-words.ts'
import { type Millis, toIso } from '../core/time.ts'
import type { Answer } from './contract.ts'

type View = Answer<'forecast'>
type WindowView = View['accounts'][number]['windows'][number]

export function toForecastView(
  { accounts, pool }: { readonly accounts: readonly AccountForecast[]; readonly pool: PoolForecast },
  { only, offsetMinutes }: { readonly only: string | undefined; readonly offsetMinutes?: ClockOffset },
): View {
  return {
    computedAt: toIso(pool.computedAt),
    sentence: sentenceOf(pool, offsetMinutes),
    pool: {
      ...toPoolView(pool.outlook),
      usable: pool.usable,
      total: pool.total,
      tightest: toTightest(pool.tightest),
      uncounted: pool.uncounted.map((each) => ({ ...each })),
    },
    accounts: accounts
      .filter(({ account }) => only === undefined || account === only)
      .map(({ account, state, isUsable, windows }) => ({
        account,
        state,
        isUsable,
        windows: windows.map(toWindowView),
      })),
  }
}

function toTightest(tightest: PoolForecast['tightest']): View['pool']['tightest'] {
  return tightest === undefined ? null : { ...tightest, probability: tightest.probability ?? null }
}

/** The share of past courses that reached the low end of the range. */
const CERTAINTY = 0.9

function toPoolView(outlook: PoolOutlook): Omit<View['pool'], 'usable' | 'total' | 'tightest' | 'uncounted'> {
  switch (outlook.kind) {
    case 'unknown':
      return { kind: 'unknown', reason: outlook.reason, safeUntil: null }
    case 'open-ended':
      return { kind: 'open-ended', safeUntil: null }
    case 'out': {
      const { until } = outlook
      return { kind: 'out', safeUntil: null, ...(until === undefined ? {} : { until: toIso(until) }) }
    }
    case 'forecast':
      return {
        kind: 'forecast',
        safeUntil: isoOrNull(outlook.outAt.low),
        certainty: CERTAINTY,
        lookedUntil: toIso(outlook.lookedUntil),
        probability: outlook.probability,
        outAt: toMoments(outlook.outAt),
      }
  }
}

const toWindowView = (forecast: WindowForecast): WindowView => ({
  name: forecast.window,
  utilization: forecast.utilization ?? null,
  resetsAt: isoOrNull(forecast.resetsAt),
  presentPace: forecast.presentPace ?? null,
  usualPace: forecast.usualPace ?? null,
  ...toOutlookView(forecast.outlook),
})

function toOutlookView(
  outlook: Outlook,
): Pick<WindowView, 'kind' | 'reason' | 'probability' | 'spentAt' | 'atReset'> {
  switch (outlook.kind) {
    case 'unknown':
      return { kind: outlook.kind, reason: outlook.reason }
    case 'spent':
      return { kind: outlook.kind }
    case 'lasts':
    case 'runs-out': {
      const { kind, probability, spentAt, atReset } = outlook
      return { kind, probability, spentAt: toMoments(spentAt), atReset: { ...atReset } }
    }
  }
}

const isoOrNull = (at: Millis | undefined): string | null => (at === undefined ? null : toIso(at))

const toMoments = ({ low, mid, high }: Range<Millis | undefined>) => ({
  low: isoOrNull(low),
  mid: isoOrNull(mid),
  high: isoOrNull(high),
})
