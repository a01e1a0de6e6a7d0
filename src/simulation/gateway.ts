/**
 * The gateway of a simulation: the real pool, waiting line, retry budget and spending, over
 * virtual time and stores that remember nothing. Must not decide anything.
 */
import { type Account, toAccountId, toSealedSecret } from '../core/account.ts'
import type { StoredReading } from '../core/ports/stores.ts'
import { NO_RULES } from '../core/rules.ts'
import type { Binding } from '../core/session.ts'
import type { Millis } from '../core/time.ts'
import { createRetryBudget } from '../proxy/budget.ts'
import { createLine, type Line } from '../proxy/line.ts'
import type { PoolOptions } from '../proxy/pool.ts'
import type { Present } from '../proxy/situation.ts'
import { createSpending } from '../proxy/spending.ts'
import type { VirtualClock } from './clock.ts'
import type { Machinery, Scenario } from './scenario.ts'
import type { TraceAccount } from './trace.ts'

export interface SimulatedGateway extends Present {
  readonly clock: VirtualClock
  readonly line: Line
  /** What was kept of windows, oldest first, where somebody needs it. */
  readonly readings: StoredReading[]
}

const MOST_WAITING = 500

export function createGateway(
  scenario: Scenario,
  machinery: Machinery,
  clock: VirtualClock,
): SimulatedGateway {
  const { trace, strategy, policy, sessionMs, reserves = [] } = scenario
  const bindings = new Map<string, Binding>()
  const readings: StoredReading[] = []
  const line = createLine({ clock, mostPlaces: () => MOST_WAITING })
  const pool = machinery.createPool({
    ...forgetful(strategy === 'headroom' ? readings : undefined),
    clock,
    sessionMs: () => sessionMs,
    circuitFaults: () => policy.circuitFaults,
    originOf: ({ baseUrl, name }) => baseUrl ?? name,
    changed: line.changed,
  })
  pool.sync(trace.accounts.map((account) => toAccount(account, trace.startsAt)))
  const settings = { strategy, sessionMs, retry: policy, rules: { ...NO_RULES, reserves } }
  return {
    clock,
    line,
    pool,
    readings,
    budget: createRetryBudget(clock.elapsed),
    bindings: {
      get: (conversation) => bindings.get(conversation),
      put: (conversation, binding) => void bindings.set(conversation, binding),
    },
    pins: { of: () => undefined },
    spending: createSpending({ clock, views: pool.views }),
    settings: () => settings,
  }
}

function toAccount(account: TraceAccount, createdAt: Millis): Account {
  const { name, priority, weight, tier, groups, modelMap = {}, maxConcurrent, origin } = account
  return {
    id: toAccountId(name),
    name,
    provider: 'simulated',
    baseUrl: origin,
    priority,
    weight,
    tier,
    groups,
    modelMap: new Map(Object.entries(modelMap)),
    models: undefined,
    maxConcurrent,
    secret: toSealedSecret(''),
    refreshSecret: undefined,
    tokenExpiresAt: undefined,
    credentialVersion: 1,
    planOnly: false,
    network: undefined,
    pausedAt: undefined,
    createdAt,
  }
}

/** Nothing survives a run; of readings only as many are kept as paces are made of. */
function forgetful(
  kept: StoredReading[] | undefined,
): Pick<PoolOptions, 'store' | 'events' | 'readings' | 'observe'> {
  const forget = (): void => {}
  return {
    store: {
      load: () => new Map(),
      saveCooldowns: forget,
      saveWindows: forget,
      saveSession: forget,
      saveLogin: forget,
      saveStanding: forget,
    },
    events: { add: forget, list: async () => [] },
    readings: {
      add(account, windows) {
        if (kept === undefined) return
        for (const { name: window, readAt: at, utilization, resetsAt, status } of windows)
          kept.push({ account, window, at, utilization, resetsAt, status })
      },
      list: async () => kept ?? [],
      thin: async () => {},
    },
    observe: forget,
  }
}
