/**
 * The accounts as they stand right now: what the operator said, how each fares, what is in
 * flight. Applies the core's transitions and writes through what must survive a restart.
 * Must not choose accounts, and must not invent evidence.
 */
import { type Account, type AccountId, servedModelOf } from '../core/account.ts'
import type { Failure } from '../core/failure.ts'
import {
  afterFailure,
  afterOthersSuccess,
  afterSuccess,
  HEALTHY,
  type Health,
  isAbout,
} from '../core/health.ts'
import { type Window, withReadings } from '../core/limits.ts'
import type { Clock } from '../core/ports/clock.ts'
import type { Log } from '../core/ports/log.ts'
import type { HealthStore, StoredHealth, StoredSession } from '../core/ports/stores.ts'
import type { AccountView } from '../core/situation.ts'
import { type Millis, toIso } from '../core/time.ts'

export interface Pool {
  views(): readonly AccountView[]
  windowsOf(id: AccountId): readonly Window[]
  /** Takes over the operator's present list: new accounts come, removed ones go, the rest keep their state. */
  sync(accounts: readonly Account[]): void
  /** A request is about to be sent; call the result when it is over. */
  begin(id: AccountId, model: string | undefined): () => void
  failed(id: AccountId, failure: Failure, conversation: string | undefined): void
  /** Another account has served what `id` had failed. */
  othersSucceeded(id: AccountId, failure: Failure, conversation: string | undefined): void
  succeeded(id: AccountId, model: string | undefined): void
  read(id: AccountId, windows: readonly Window[]): void
  /** Whatever was held against the account is forgotten (G8: by hand). */
  clear(id: AccountId): void
}

export interface PoolOptions {
  readonly clock: Clock
  readonly log: Log
  readonly store: HealthStore
  readonly sessionMs: () => number
}

interface Live extends AccountView {
  account: Account
  health: Health
  windows: readonly Window[]
  inFlight: number
  begun: number
  lastTurn: number
  probingSince: Millis | undefined
  session: StoredSession | undefined
}

export function createPool(options: PoolOptions): Pool {
  const { clock, log, store, sessionMs } = options
  const lives = new Map<AccountId, Live>()
  let views: readonly Live[] = []
  let turn = 0

  const change = (id: AccountId, to: (health: Health, account: Account) => Health): void => {
    const live = lives.get(id)
    if (live === undefined) return
    const before = live.health
    live.probingSince = undefined
    live.health = to(before, live.account)
    if (live.health.cooldowns === before.cooldowns) return
    store.saveCooldowns(id, live.health.cooldowns)
    report(log, live.account, before, live.health)
  }
  return {
    views: () => views,
    windowsOf: (id) => lives.get(id)?.windows ?? [],
    sync(accounts) {
      const stored = lives.size === 0 ? store.load() : NOBODY_STORED
      const ids = new Set(accounts.map(({ id }) => id))
      for (const id of lives.keys()) if (!ids.has(id)) lives.delete(id)
      views = accounts.map((account) => {
        const live = lives.get(account.id) ?? newcomer(account, stored.get(account.id))
        live.account = account
        lives.set(account.id, live)
        return live
      })
    },
    begin(id, model) {
      const live = lives.get(id)
      if (live === undefined) return () => {}
      const now = clock.now()
      const probe = isTest(live, model, now) ? now : undefined
      live.inFlight++
      live.begun++
      live.lastTurn = ++turn
      live.probingSince = probe ?? live.probingSince
      live.session = nextSession(live.session, now, sessionMs())
      store.saveSession(id, live.session)
      return () => release(live, probe)
    },
    failed: (id, failure, conversation) =>
      change(id, (health) => afterFailure(health, failure, { conversation, now: clock.now() })),
    othersSucceeded: (id, failure, conversation) =>
      change(id, (health) => afterOthersSuccess(health, failure, { conversation, now: clock.now() })),
    succeeded: (id, model) =>
      change(id, (health, account) => afterSuccess(health, served(account, model), clock.now())),
    read(id, windows) {
      const live = lives.get(id)
      if (live === undefined || windows.length === 0) return
      live.windows = withReadings(live.windows, windows)
      store.saveWindows(id, live.windows)
    },
    clear: (id) => change(id, () => ({ ...HEALTHY, cooldowns: [] })),
  }
}

/** Whatever is learnt of an account ends its test; one that taught nothing, because its client left, ends here. */
function release(live: Live, probe: Millis | undefined): void {
  live.inFlight--
  if (live.probingSince === probe) live.probingSince = undefined
}

/** Whether a request for `model` would put an expired cooldown to the test (G8). */
function isTest({ account, health }: Live, model: string | undefined, now: Millis): boolean {
  if (health.cooldowns.length === 0) return false
  const asked = served(account, model)
  return health.cooldowns.some(({ scope, until }) => until <= now && isAbout(scope, asked))
}

const served = (account: Account, model: string | undefined): string | undefined =>
  model === undefined ? undefined : servedModelOf(account, model)

const newcomer = (account: Account, stored: StoredHealth = NOTHING_STORED): Live => ({
  account,
  health: { ...HEALTHY, cooldowns: stored.cooldowns },
  windows: stored.windows,
  inFlight: 0,
  begun: 0,
  lastTurn: 0,
  probingSince: undefined,
  session: stored.session,
})

const NOBODY_STORED: ReturnType<HealthStore['load']> = new Map()
const NOTHING_STORED: StoredHealth = { cooldowns: [], windows: [], session: undefined }

function nextSession(session: StoredSession | undefined, now: Millis, sessionMs: number): StoredSession {
  if (session === undefined || now - session.startedAt >= sessionMs) return { startedAt: now, requests: 1 }
  return { ...session, requests: session.requests + 1 }
}

/** One line when an account begins to cool, one when it is usable again. */
function report(log: Log, { name }: Account, before: Health, after: Health): void {
  for (const cooldown of after.cooldowns) {
    const known = before.cooldowns.some(
      ({ cause, scope }) => cause === cooldown.cause && scope === cooldown.scope,
    )
    if (known) continue
    const { cause, evidence, until } = cooldown
    log.warn(`Account ${name} is set aside: ${evidence}.`, { account: name, cause, until: toIso(until) })
  }
  if (before.cooldowns.length > 0 && after.cooldowns.length === 0)
    log.info(`Account ${name} is usable again.`, { account: name })
}
