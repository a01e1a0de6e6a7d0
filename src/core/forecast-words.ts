/**
 * The forecast in a sentence for people: "Safe until tomorrow 09:00 · 4 of 6 accounts usable ·
 * tightest: 7d on work-2". Times as a clock beside the reader shows them. Must not round
 * anything to the better.
 */
import type { PoolForecast } from './forecast.ts'
import { DAY, later, MINUTE, type Millis, toIso } from './time.ts'

/** How the reader's clock is set: minutes that it is ahead of UTC; undefined: UTC, and said so. */
export type ClockOffset = number | undefined

export function sentenceOf(pool: PoolForecast, offset: ClockOffset): string {
  const { usable, total, tightest } = pool
  if (total === 0) return 'There are no accounts yet.'
  return [
    headOf(pool, offset),
    `${usable} of ${total} account${total === 1 ? '' : 's'} usable`,
    ...(tightest === undefined ? [] : [`tightest: ${tightest.window} on ${tightest.account}`]),
  ].join(' · ')
}

function headOf({ outlook, computedAt, uncounted }: PoolForecast, offset: ClockOffset): string {
  switch (outlook.kind) {
    case 'unknown': {
      const reasons = uncounted.map(({ account, reason }) => `${account}: ${reason}`)
      return `Not known: ${reasons.length === 0 ? outlook.reason : reasons.join('; ')}`
    }
    case 'open-ended':
      return `Safe: ${outlook.accounts.join(', ')} ha${outlook.accounts.length === 1 ? 's' : 've'} no windows`
    case 'out':
      return outlook.until === undefined
        ? 'No account is usable'
        : `No account is usable until ${momentWords(outlook.until, computedAt, offset)}`
    case 'forecast': {
      const until = outlook.outAt.low
      return until === undefined
        ? `Safe for the next ${Math.floor((outlook.lookedUntil - computedAt) / DAY)} days`
        : `Safe until ${momentWords(until, computedAt, offset)}`
    }
  }
}

const WEEKDAYS = ['Thu', 'Fri', 'Sat', 'Sun', 'Mon', 'Tue', 'Wed'] as const

/** "today 18:30", "tomorrow 09:00", "Fri 09:00", "2026-12-24 09:00"; to the minute before. */
export function momentWords(at: Millis, now: Millis, offset: ClockOffset): string {
  const here = (moment: Millis): Millis => later(moment, (offset ?? 0) * MINUTE)
  const dayOf = (moment: Millis): number => Math.floor(here(moment) / DAY)
  const [date = '', time = ''] = toIso(here(at)).split('T')
  const days = dayOf(at) - dayOf(now)
  const weekday = WEEKDAYS[((dayOf(at) % 7) + 7) % 7] ?? ''
  const day = days >= 2 && days < 7 ? weekday : (NEAR_DAYS.get(days) ?? date)
  return `${day} ${time.slice(0, 5)}${offset === undefined ? ' UTC' : ''}`
}

const NEAR_DAYS: ReadonlyMap<number, string> = new Map([
  [-1, 'yesterday'],
  [0, 'today'],
  [1, 'tomorrow'],
])
