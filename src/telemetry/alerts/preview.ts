/**
 * What a rule would have said over the past days: reads what is remembered of them, a little at a
 * time, and lets core/alerts/replay look at it. Must not write anything.
 */
import type { Account } from '../../core/account.ts'
import type { AlertEvent, Memory } from '../../core/alerts/evaluate.ts'
import type { Runway } from '../../core/alerts/facts.ts'
import {
  type DayBudget,
  factsOf,
  follow,
  type Past,
  type PastAccount,
  type Stood,
} from '../../core/alerts/past.ts'
import { replay, type WouldBe, wouldHaveBeen } from '../../core/alerts/replay.ts'
import type { AlertRule } from '../../core/alerts/rule.ts'
import { runwayOf } from '../../core/alerts/runway.ts'
import { sliceOf } from '../../core/alerts/traffic.ts'
import { reachOf } from '../../core/alerts/traffic-findings.ts'
import { type ForecastInput, forecastAccount, forecastPool, HISTORY_MS } from '../../core/forecast.ts'
import type { TrafficHistory } from '../../core/ports/alerts.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { EventStore, ReadingStore } from '../../core/ports/stores.ts'
import { readAll } from '../../core/reading-pages.ts'
import { stateOf } from '../../core/state.ts'
import { DAY, HOUR, later, type Millis } from '../../core/time.ts'

export interface PreviewSources {
  readonly clock: Pick<Clock, 'now' | 'sleep'>
  readonly accounts: { all(): readonly Account[] }
  readonly events: Pick<EventStore, 'list'>
  readonly readings: Pick<ReadingStore, 'list'>
  readonly traffic: TrafficHistory
  readonly budgets: () => readonly DayBudget[]
  readonly tellsUsage: (provider: string) => boolean
}

export interface Preview {
  readonly from: Millis
  readonly to: Millis
  /** The newest first. */
  readonly alerts: readonly WouldBe[]
}

/** More than are kept of one account. */
const MOST_EVENTS = 2_000

export async function preview(rule: AlertRule, days: number, sources: PreviewSources): Promise<Preview> {
  const { clock } = sources
  const to = clock.now()
  const from = sliceOf(later(to, -days * DAY))
  const past = await readPast(rule, from, to, sources)
  const all = sources.accounts.all()
  const groups = new Map(all.map(({ id, groups: own }) => [id as string, own]))
  const factsAt = factsOf(past, (account, group) => groups.get(account)?.includes(group) === true)
  const events: AlertEvent[] = []
  let memory: Memory = new Map()
  const look = async (at: Millis, until: Millis): Promise<void> => {
    const stretch = replay(rule, factsAt, memory, { from: at, until })
    events.push(...stretch.events)
    memory = stretch.memory
    await clock.sleep(0)
  }
  for (let at = from; at < to; at = later(at, HOUR)) await look(at, later(at, Math.min(HOUR, to - at)))
  // Last the present moment, which the live watch has seen too.
  await look(to, later(to, 1))
  return { from, to, alerts: wouldHaveBeen(events) }
}

/** Only what the rule looks at is read. */
async function readPast(rule: AlertRule, from: Millis, to: Millis, sources: PreviewSources): Promise<Past> {
  const { kind } = rule.when
  const isOfTraffic = reachOf(rule.when) > 0 || kind === 'budget-above'
  const reachMs = kind === 'budget-above' ? DAY : reachOf(rule.when)
  const isOfRunway = kind === 'runway-below'
  const isOfWindows = isOfRunway || kind === 'window-above' || kind === 'window-reset'
  const readingsMs = isOfRunway ? HISTORY_MS : DAY
  const accounts: PastAccount[] = []
  for (const account of sources.accounts.all()) {
    const query = { account: account.id, since: later(from, -readingsMs), until: to }
    accounts.push({
      account,
      events: (await sources.events.list(account.id, { limit: MOST_EVENTS })).toReversed(),
      readings: isOfWindows ? await readAll(sources.readings, query) : [],
    })
  }
  return {
    accounts,
    slices: isOfTraffic ? await sources.traffic.slices(sliceOf(later(from, -reachMs)), to) : [],
    budgets: kind === 'budget-above' ? sources.budgets() : [],
    runways: isOfRunway ? await runwaysOf(accounts, from, to, sources) : [],
  }
}

/** Each forecast takes milliseconds; the live one is as old at times. */
const RUNWAY_EVERY_MS = HOUR

async function runwaysOf(
  accounts: readonly PastAccount[],
  from: Millis,
  to: Millis,
  { clock, tellsUsage }: PreviewSources,
): Promise<Past['runways']> {
  const followed = accounts.map((past) => ({ past, stoodAt: follow(past) }))
  const found: { readonly at: Millis; readonly runway: Runway }[] = []
  const moments: Millis[] = []
  for (let at = from; at < to; at = later(at, RUNWAY_EVERY_MS)) moments.push(at)
  for (const at of [...moments, to]) {
    const forecasts = []
    for (const { past, stoodAt } of followed) {
      forecasts.push(forecastAccount(inputOf(past, stoodAt(at), at, tellsUsage), at))
      await clock.sleep(0)
    }
    found.push({ at, runway: runwayOf(forecastPool(forecasts, at).outlook) })
  }
  return found
}

function inputOf(
  { account, readings }: PastAccount,
  { windows, health, pausedAt }: Stood,
  at: Millis,
  tellsUsage: PreviewSources['tellsUsage'],
): ForecastInput {
  return {
    account: account.name,
    state: stateOf({ ...account, pausedAt }, health, at),
    tier: account.tier,
    tellsUsage: tellsUsage(account.provider),
    windows,
    readings: readings.filter((reading) => reading.at <= at && reading.at >= at - HISTORY_MS),
  }
}
