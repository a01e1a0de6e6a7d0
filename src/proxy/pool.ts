/**
 * The accounts as they stand right now: what the operator said, how each fares, what is in
 * flight, what its provider says of its limits. Applies the core's transitions; what they
 * leave behind is live.ts. Must not choose accounts, and must not invent evidence.
 */
import { type Account, type AccountId, servedModelOf } from '../core/account.ts'
import type { Ending } from '../core/event.ts'
import type { Failure } from '../core/failure.ts'
import {
  afterFailure,
  afterOthersSuccess,
  afterReading,
  afterSuccess,
  HEALTHY,
  type Health,
  isAbout,
} from '../core/health.ts'
import { type Limits, overageLimit, type Window } from '../core/limits.ts'
import type { HealthStore, StoredSession } from '../core/ports/stores.ts'
import type { AccountView } from '../core/situation.ts'
import { type Standing, UNKNOWN_STANDING, withLimits } from '../core/standing.ts'
import type { Millis } from '../core/time.ts'
import { createRegister, type Live, newcomer, type Register, type RegisterOptions } from './live.ts'

export interface Pool {
  views(): readonly AccountView[]
  windowsOf(id: AccountId): readonly Window[]
  standingOf(id: AccountId): Standing
  /** Grows whenever what is known of any account's limits or health has changed. */
  readonly revision: number
  /** Takes over the operator's present list: new accounts come, removed ones go, the rest keep their state. */
  sync(accounts: readonly Account[]): void
  /** A request is about to be sent; call the result when it is over. */
  begin(id: AccountId, model: string | undefined): () => void
  failed(id: AccountId, failure: Failure, conversation: string | undefined): void
  /** Another account has served what `id` had failed. */
  othersSucceeded(id: AccountId, failure: Failure, conversation: string | undefined): void
  succeeded(id: AccountId, model: string | undefined): void
  /** What an answer to a client's request said of the account's limits. */
  read(id: AccountId, limits: Limits): void
  /** What the provider said when it was asked: never held against anybody (G14). */
  polled(id: AccountId, windows: readonly Window[]): void
  /** What the provider said of whose account it is. */
  learned(id: AccountId, facts: Standing): void
  /** Whatever was held against the account is forgotten (G8: by hand). */
  clear(id: AccountId): void
}

export interface PoolOptions extends RegisterOptions {
  readonly sessionMs: () => number
}

export function createPool(options: PoolOptions): Pool {
  const { clock, store, sessionMs } = options
  const register = createRegister(options)
  const lives = new Map<AccountId, Live>()
  let views: readonly Live[] = []
  let turn = 0

  const to = (id: AccountId, work: (live: Live, now: Millis) => void): void => {
    const live = lives.get(id)
    if (live !== undefined) work(live, clock.now())
  }
  const change = (id: AccountId, ending: Ending, next: (live: Live, now: Millis) => Health): void =>
    to(id, (live, now) => {
      live.probingSince = undefined
      register.settle(live, next(live, now), ending)
    })
  return {
    views: () => views,
    windowsOf: (id) => lives.get(id)?.windows ?? [],
    standingOf: (id) => lives.get(id)?.standing ?? UNKNOWN_STANDING,
    get revision() {
      return register.revision
    },
    sync(accounts) {
      const stored = lives.size === 0 ? store.load() : NOBODY_STORED
      const ids = new Set(accounts.map(({ id }) => id))
      for (const id of lives.keys()) if (!ids.has(id)) lives.delete(id)
      views = accounts.map((account) => {
        const live = lives.get(account.id) ?? newcomer(account, stored.get(account.id))
        register.take(live, account)
        lives.set(account.id, live)
        return live
      })
    },
    begin(id, model) {
      const live = lives.get(id)
      if (live === undefined) return () => {}
      const probe = beginOn(live, { model, turn: ++turn, now: clock.now(), sessionMs: sessionMs() })
      store.saveSession(id, live.session)
      return () => release(live, probe)
    },
    failed: (id, failure, conversation) =>
      change(id, 'recovered', ({ health }, now) => afterFailure(health, failure, { conversation, now })),
    othersSucceeded: (id, failure, conversation) =>
      change(id, 'recovered', ({ health }, now) =>
        afterOthersSuccess(health, failure, { conversation, now }),
      ),
    succeeded: (id, model) =>
      change(id, 'recovered', ({ health, account }, now) =>
        afterSuccess(health, served(account, model), now),
      ),
    read: (id, limits) => to(id, (live, now) => read(register, live, limits, now)),
    polled: (id, windows) => to(id, (live, now) => polled(register, live, windows, now)),
    learned: (id, facts) => to(id, (live) => register.learn(live, { ...live.standing, ...facts })),
    clear: (id) => change(id, 'cleared', () => ({ ...HEALTHY, cooldowns: [] })),
  }
}

function polled(register: Register, live: Live, windows: readonly Window[], now: Millis): void {
  register.note(live, windows)
  register.settle(live, afterReading(live.health, windows, now), 'reopened')
}

function read(register: Register, live: Live, limits: Limits, now: Millis): void {
  register.note(live, limits.windows)
  register.learn(live, withLimits(live.standing, limits))
  const limit = live.account.planOnly ? overageLimit(limits, now) : undefined
  if (limit === undefined) return
  register.settle(live, afterFailure(live.health, limit, { conversation: undefined, now }), 'recovered')
}

/** The moment of the test, if the request puts an expired cooldown to one. */
function beginOn(
  live: Live,
  request: {
    readonly model: string | undefined
    readonly turn: number
    readonly now: Millis
    readonly sessionMs: number
  },
): Millis | undefined {
  const { model, turn, now, sessionMs } = request
  const probe = isTest(live, model, now) ? now : undefined
  live.inFlight++
  live.begun++
  live.lastTurn = turn
  live.probingSince = probe ?? live.probingSince
  live.session = nextSession(live.session, now, sessionMs)
  return probe
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

const NOBODY_STORED: ReturnType<HealthStore['load']> = new Map()

function nextSession(session: StoredSession | undefined, now: Millis, sessionMs: number): StoredSession {
  if (session === undefined || now - session.startedAt >= sessionMs) return { startedAt: now, requests: 1 }
  return { ...session, requests: session.requests + 1 }
}
