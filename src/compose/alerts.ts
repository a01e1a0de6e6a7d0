/** Puts together what watches over the pool and tells people, out of adapters and the live settings. No decisions. */
import type { AlertsService } from '../api/alert-service.ts'
import { isExpired, isUsable } from '../core/access.ts'
import type { BudgetFact, Facts, Runway } from '../core/alerts/facts.ts'
import type { DayBudget } from '../core/alerts/past.ts'
import type { AlertRule } from '../core/alerts/rule.ts'
import { runwayOf } from '../core/alerts/runway.ts'
import { timelineOf } from '../core/alerts/traffic.ts'
import { reachOf } from '../core/alerts/traffic-findings.ts'
import { forecastAll, standingOf } from '../core/forecast-all.ts'
import { HEALTHY } from '../core/health.ts'
import { gaugesOf } from '../core/key-gauge.ts'
import type { KeyUse } from '../core/key-use.ts'
import type { LedgerRow } from '../core/ledger.ts'
import type { Upstream } from '../core/ports/upstream.ts'
import { stateOf } from '../core/state.ts'
import { later, MINUTE, type Millis } from '../core/time.ts'
import { systemClock as clock } from '../platform/clock.ts'
import { createCourier } from '../platform/couriers/courier.ts'
import { createResolver } from '../platform/upstream/resolve.ts'
import { PROVIDERS } from '../providers/registry.ts'
import type { Pool } from '../proxy/pool.ts'
import type { Spending } from '../proxy/spending.ts'
import { preview } from '../telemetry/alerts/preview.ts'
import { createSender } from '../telemetry/alerts/sender.ts'
import { createTally, type Tally } from '../telemetry/alerts/tally.ts'
import { createWatcher } from '../telemetry/alerts/watcher.ts'
import type { Foundation } from './foundation.ts'
import { rulesOf } from './routing-rules.ts'

export interface Alerts {
  readonly service: AlertsService
  /** Told of every row; costs nothing where no rule looks at traffic. */
  booked(row: LedgerRow): void
  /** From now on it is looked: a server does this, a command does not. */
  start(): void
  /** Resolves when nothing is under way any more. */
  stop(): Promise<void>
}

interface Parts {
  readonly pool: Pool
  readonly spending: Spending
  readonly upstream: Upstream
  /** What a key has used. */
  readonly keyUse: (keyId: string) => KeyUse
  readonly environment: Readonly<Record<string, string | undefined>>
}

export function createAlerts(foundation: Foundation, parts: Parts): Alerts {
  const { storage, config, log, secrets } = foundation
  const { alerts: store } = storage
  const newId = (): string => Bun.randomUUIDv7()
  const tally = createTally()
  const allowedHosts = () => config.settings().allowedUpstreamHosts
  const resolver = createResolver({ elapsed: clock.elapsed, allowedHosts })
  const { upstream, environment } = parts
  const courier = createCourier({ upstream, resolver, clock, environment })
  const retryMs = () => config.settings().alertRetryMs
  const sender = createSender({ store, courier, secrets, clock, log, retryMs })
  const facts = createFacts(foundation, parts, tally)
  const intervalMs = () => config.settings().alertIntervalMs
  const watcher = createWatcher({ store, sender, facts, clock, log, newId, intervalMs })
  let stopWatching = async (): Promise<void> => {}
  return {
    service: {
      store,
      attempt: sender.attempt,
      problems: sender.problems,
      preview: (rule, days) =>
        preview(rule, days, {
          clock,
          accounts: storage.accounts,
          events: storage.events,
          readings: storage.readings,
          traffic: storage.traffic,
          budgets: () => dayBudgetsOf(foundation),
          tellsUsage,
        }),
      newSigningSecret: () => `whsec_${crypto.getRandomValues(Buffer.alloc(32)).toString('base64')}`,
    },
    booked: tally.booked,
    start() {
      stopWatching = watcher.start()
    },
    async stop() {
      courier.close()
      await Promise.all([stopWatching(), sender.stop()])
    },
  }
}

const tellsUsage = (provider: string): boolean =>
  PROVIDERS.some(({ id, usage }) => id === provider && usage !== undefined)

type Gather = (rules: readonly AlertRule[]) => Promise<Facts>

/** What is so now; only what some rule looks at is worked out. */
function createFacts(foundation: Foundation, parts: Parts, tally: Tally): Gather {
  const { pool } = parts
  const runway = createRunway(foundation, pool)
  return async (rules) => {
    const wanted = rules.filter(({ isEnabled }) => isEnabled)
    const has = (kind: AlertRule['when']['kind']): boolean => wanted.some(({ when }) => when.kind === kind)
    await catchUp(tally, Math.max(0, ...wanted.map(({ when }) => reachOf(when))), foundation)
    const slices = tally.slices()
    const views = pool.views()
    const now = clock.now()
    return {
      accounts: views.map(({ account, health }) => ({
        id: account.id,
        name: account.name,
        groups: account.groups,
        state: stateOf(account, health, now),
        windows: pool.windowsOf(account.id),
      })),
      budgets: has('budget-above')
        ? [...poolBudgetsOf(foundation, parts), ...keyBudgetsOf(foundation, parts, now)]
        : [],
      runway: has('runway-below') ? await runway() : { kind: 'unknown' },
      traffic: (scope) =>
        timelineOf(slices, scope, (id, group) =>
          views.some(({ account }) => account.id === id && account.groups.includes(group)),
        ),
    }
  }
}

/** When a rule looks further back than it was counted, the ledger says what was. */
async function catchUp(tally: Tally, reachMs: number, { storage }: Foundation): Promise<void> {
  if (reachMs === tally.reachMs || (reachMs < tally.reachMs && reachMs > 0)) return
  const now = clock.now()
  tally.begin(now, reachMs)
  if (reachMs === 0) return
  try {
    tally.add(await storage.traffic.slices(later(now, -reachMs), now))
  } catch (error) {
    tally.begin(now, 0)
    throw error
  }
}

/** A forecast takes a while, and changes slowly. */
const RUNWAY_KEPT_MS = 5 * MINUTE

function createRunway({ storage }: Foundation, pool: Pool): () => Promise<Runway> {
  const sources = {
    clock,
    accounts: storage.accounts,
    live: {
      of: (id: Parameters<Pool['windowsOf']>[0]) => ({
        health: pool.views().find(({ account }) => account.id === id)?.health ?? HEALTHY,
        windows: pool.windowsOf(id),
      }),
    },
    readings: storage.readings,
    providers: PROVIDERS.map(({ id }) => ({ id, tellsUsage: tellsUsage(id) })),
  }
  let kept: { readonly at: Millis; readonly standing: string; readonly runway: Runway } | undefined
  return async () => {
    const standing = standingOf(sources)
    const now = clock.now()
    const isFresh =
      kept !== undefined && kept.standing === standing && Math.abs(now - kept.at) < RUNWAY_KEPT_MS
    if (kept !== undefined && isFresh) return kept.runway
    const { pool: whole } = await forecastAll(sources)
    kept = { at: now, standing, runway: runwayOf(whole.outlook) }
    return kept.runway
  }
}

const dayBudgetsOf = ({ config }: Foundation): readonly DayBudget[] =>
  [...rulesOf(config.settings()).pools.values()].flatMap(({ name, tiers }) =>
    tiers.flatMap(({ group, usdPerDay }) =>
      usdPerDay === undefined ? [] : [{ name: `pool ${name}, group ${group}`, group, usdPerDay }],
    ),
  )

const poolBudgetsOf = (foundation: Foundation, { spending }: Parts): readonly BudgetFact[] =>
  dayBudgetsOf(foundation).map(({ name, group, usdPerDay: limit }) => ({
    name,
    group,
    used: spending.ofGroup(group),
    limit,
    unit: 'USD',
    period: 'day',
  }))

/** Of keys that can be used: what is under way counts when it is over. */
const keyBudgetsOf = ({ storage }: Foundation, { keyUse }: Parts, now: Millis): readonly BudgetFact[] =>
  storage.keys
    .all()
    .filter((key) => isUsable(key) && !isExpired(key, now))
    .flatMap(({ id, name, rules }) =>
      gaugesOf(rules, keyUse(id), now).flatMap(({ limit, period, unit, most, used }) =>
        limit === 'budget' && period !== undefined && unit !== 'requests'
          ? [{ name: `key ${name}`, key: id, used, limit: most, unit: BUDGET_UNITS[unit], period }]
          : [],
      ),
    )

const BUDGET_UNITS = { usd: 'USD', tokens: 'tokens' } as const
