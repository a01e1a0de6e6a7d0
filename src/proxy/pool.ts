/**
 * The accounts as they stand right now: what the operator said, how each fares, what is in
 * flight, what its provider says of its limits. Applies the core's transitions; what they
 * leave behind is live.ts. Must not choose accounts, and must not invent evidence.
 */
import type { Account, AccountId } from '../core/account.ts'
import type { Ending } from '../core/event.ts'
import { type Failure, isCircuitFault } from '../core/failure.ts'
import {
  afterFailure,
  afterOthersSuccess,
  afterReading,
  afterSuccess,
  HEALTHY,
  type Health,
  NO_FAULTS,
  withFault,
} from '../core/health.ts'
import { type Limits, overageLimit, type Window } from '../core/limits.ts'
import type { AccountView } from '../core/situation.ts'
import { type Standing, UNKNOWN_STANDING, withLimits } from '../core/standing.ts'
import type { Millis } from '../core/time.ts'
import { type BegunSending, beginOn, release, type Sending } from './in-flight.ts'
import { createRegister, type Live, type Register, type RegisterOptions, refresh } from './live.ts'
import { createRoster, type RosterOptions } from './roster.ts'

export interface Pool {
  views(): readonly AccountView[]
  windowsOf(id: AccountId): readonly Window[]
  standingOf(id: AccountId): Standing
  /** Grows whenever what is known of any account's limits or health has changed. */
  readonly revision: number
  /** Takes over the operator's present list: new accounts come, removed ones go, the rest keep their state. */
  sync(accounts: readonly Account[]): void
  /** A request is about to be sent; call the result when it is over. */
  begin(id: AccountId, sending: Sending): () => void
  failed(id: AccountId, failure: Failure, conversation: string | undefined): void
  /** Another account has served what `id` had failed. */
  othersSucceeded(id: AccountId, failure: Failure, conversation: string | undefined): void
  /** `model` is the one that it was asked for. */
  succeeded(id: AccountId, model: string | undefined): void
  /** What an answer to a client's request said of the account's limits. */
  read(id: AccountId, limits: Limits): void
  /** What the provider said when it was asked: never held against anybody (G14). */
  polled(id: AccountId, windows: readonly Window[]): void
  /** What the provider said of whose account it is. */
  learned(id: AccountId, facts: Standing): void
  /** By window: the fraction of it that is used up in an hour. */
  paced(id: AccountId, paces: ReadonlyMap<string, number>): void
  /** Whatever was held against the account is forgotten (G8: by hand). */
  clear(id: AccountId): void
}

export interface PoolOptions extends RegisterOptions, RosterOptions {
  readonly sessionMs: () => number
  /** Faults in a row that open a circuit; 0: never. */
  readonly circuitFaults: () => number
  /** Called when a request that waits in line may find something else than before. */
  readonly changed: () => void
}

export function createPool(options: PoolOptions): Pool {
  const { clock, changed } = options
  const register = createRegister(options)
  const roster = createRoster(options)
  const turns = { count: 0, virtualTime: 0 }
  const to = (id: AccountId, work: (live: Live, now: Millis) => void): void => {
    const live = roster.get(id)
    if (live !== undefined) work(live, clock.now())
  }
  const change: Change = (id, ending, next) =>
    to(id, (live, now) => {
      if (settle(live, next(live, now), { ending, now, register, others: roster.all() })) changed()
    })
  return {
    views: roster.all,
    windowsOf: (id) => roster.get(id)?.windows ?? [],
    standingOf: (id) => roster.get(id)?.standing ?? UNKNOWN_STANDING,
    get revision() {
      return register.revision
    },
    sync(accounts) {
      roster.sync(accounts, turns.virtualTime, register.take)
      changed()
    },
    begin(id, sending) {
      const live = roster.get(id)
      if (live === undefined) return () => {}
      const begun = begin(live, sending, turns, options)
      return () => {
        release(live, begun, clock.elapsed())
        changed()
      }
    },
    ...transitions(change),
    read: (id, limits) => to(id, (live, now) => read(register, live, limits, now)),
    polled: (id, windows) =>
      to(id, (live, now) => {
        register.note(live, windows)
        register.settle(live, afterReading(live.health, windows, now), 'reopened')
        changed()
      }),
    learned: (id, facts) => to(id, (live) => register.learn(live, { ...live.standing, ...facts })),
    paced: (id, paces) => to(id, (live, now) => pace(live, paces, now)),
  }
}

type Change = (id: AccountId, ending: Ending, next: (live: Live, now: Millis) => Health) => void

/** The core's transitions; what an origin's accounts have in common goes with them. */
const transitions = (change: Change): Pick<Pool, 'failed' | 'othersSucceeded' | 'succeeded' | 'clear'> => ({
  failed: (id, failure, conversation) =>
    change(id, 'recovered', ({ health, origin }, now) => {
      if (isCircuitFault(failure.cause))
        origin.faults = withFault(origin.faults, failure, { conversation, now })
      return afterFailure(health, failure, { conversation, now })
    }),
  othersSucceeded: (id, failure, conversation) =>
    change(id, 'recovered', ({ health }, now) => afterOthersSuccess(health, failure, { conversation, now })),
  succeeded: (id, model) =>
    change(id, 'recovered', ({ health, origin }, now) => {
      origin.faults = NO_FAULTS
      return afterSuccess(health, model, now)
    }),
  clear: (id) =>
    change(id, 'cleared', ({ origin }) => {
      origin.faults = NO_FAULTS
      return { ...HEALTHY, cooldowns: [] }
    }),
})

function begin(
  live: Live,
  sending: Sending,
  turns: { count: number; virtualTime: number },
  { clock, store, sessionMs, circuitFaults }: PoolOptions,
): BegunSending {
  const { dueAt } = live
  const begun = beginOn(live, sending, {
    turn: ++turns.count,
    virtualTime: turns.virtualTime,
    now: clock.now(),
    elapsed: clock.elapsed(),
    sessionMs: sessionMs(),
    circuitFaults: circuitFaults(),
  })
  turns.virtualTime = Math.max(turns.virtualTime, dueAt)
  store.saveSession(live.account.id, live.session)
  return begun
}

interface Settling {
  readonly ending: Ending
  readonly now: Millis
  readonly register: Register
  readonly others: readonly Live[]
}

/** Whatever was learnt ends a test. True when it may matter to requests that wait. */
function settle(live: Live, after: Health, { ending, now, register, others }: Settling): boolean {
  const before = live.health
  const isProbed = live.probingSince !== undefined || live.origin.probingSince !== undefined
  live.probingSince = undefined
  live.origin.probingSince = undefined
  register.settle(live, after, ending)
  if (isDroppedBy(before, after, now)) leaveTo(others, live, now)
  return isProbed || after.cooldowns !== before.cooldowns
}

/** Its work goes to the others: step by step. */
function leaveTo(others: readonly Live[], left: Live, now: Millis): void {
  for (const other of others) if (other !== left) other.switched = { at: now, inFlight: other.inFlight }
}

function pace(live: Live, paces: ReadonlyMap<string, number>, now: Millis): void {
  live.paces = paces
  refresh(live, now)
}

function read(register: Register, live: Live, limits: Limits, now: Millis): void {
  register.note(live, limits.windows)
  register.learn(live, withLimits(live.standing, limits))
  const limit = live.account.planOnly ? overageLimit(limits, now) : undefined
  if (limit === undefined) return
  register.settle(live, afterFailure(live.health, limit, { conversation: undefined, now }), 'recovered')
}

/** Whether an account that could be used is from now on at rest, so that others get its work. */
function isDroppedBy(before: Health, after: Health, now: Millis): boolean {
  if (before.cooldowns === after.cooldowns) return false
  const isResting = ({ cooldowns }: Health) =>
    cooldowns.some(({ scope, until }) => scope.kind === 'account' && until > now)
  return !isResting(before) && isResting(after)
}
