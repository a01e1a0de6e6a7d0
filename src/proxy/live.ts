/**
 * One account's live state, and what is written down when it changes: cooldowns and the need
 * of a sign-in, the provider's windows and their history, whose account it is, and the event
 * that tells of each. Must not decide what changes; that is core/health.ts.
 */
import type { Account, AccountId } from '../core/account.ts'
import { type AccountEvent, type Ending, eventsBetween } from '../core/event.ts'
import { afterNewCredential, type Faults, HEALTHY, type Health, NO_FAULTS } from '../core/health.ts'
import { isNoNews, isWorthKeeping, type Window, withReadings } from '../core/limits.ts'
import type { Clock } from '../core/ports/clock.ts'
import type {
  EventStore,
  HealthStore,
  ReadingStore,
  StoredHealth,
  StoredSession,
} from '../core/ports/stores.ts'
import type { AccountView, OriginView } from '../core/situation.ts'
import { type Standing, UNKNOWN_STANDING } from '../core/standing.ts'
import { HOUR, MINUTE, type Millis } from '../core/time.ts'
import { type Headroom, headroomOf, lengthOf, tightestOf, UNKNOWN_HEADROOM } from '../core/window.ts'

export interface Live extends AccountView {
  account: Account
  health: Health
  windows: readonly Window[]
  /** The last reading of each window that was kept for history. */
  readonly kept: Map<string, Window>
  standing: Standing
  organization: string | undefined
  plan: string | undefined
  tightest: number
  headroom: Headroom
  expectedTokens: number
  /** Tokens that it was asked for, the older the less they count; as of `recentAt`. */
  recentTokens: number
  recentAt: Millis | undefined
  readonly worth: Map<string, number>
  /** What was served since a window's utilization was last seen to move, to learn its worth from. */
  readonly served: Map<string, Served>
  paces: ReadonlyMap<string, number>
  meanMs: number | undefined
  inFlight: number
  begun: number
  lastTurn: number
  dueAt: number
  switched: { readonly at: Millis; readonly inFlight: number } | undefined
  probingSince: Millis | undefined
  origin: Origin
  session: StoredSession | undefined
}

export interface Served {
  utilization: number
  resetsAt: Millis | undefined
  tokens: number
  /** Counted since utilization was seen to move, and not since some moment between two steps. */
  isFromStep: boolean
}

/** Shared by the accounts of one origin. */
export interface Origin extends OriginView {
  faults: Faults
  probingSince: Millis | undefined
}

export const newOrigin = (): Origin => ({ faults: NO_FAULTS, probingSince: undefined })

export const newcomer = (account: Account, origin: Origin, stored: StoredHealth = NOTHING_STORED): Live => ({
  account,
  origin,
  health: { ...HEALTHY, cooldowns: stored.cooldowns, login: stored.login },
  windows: stored.windows,
  kept: new Map(),
  standing: stored.standing,
  organization: stored.standing.organization,
  plan: stored.standing.plan,
  tightest: 0,
  headroom: UNKNOWN_HEADROOM,
  expectedTokens: 0,
  recentTokens: 0,
  recentAt: undefined,
  worth: new Map(),
  served: new Map(),
  paces: new Map(),
  meanMs: undefined,
  inFlight: 0,
  begun: 0,
  lastTurn: 0,
  dueAt: 0,
  switched: undefined,
  probingSince: undefined,
  session: stored.session,
})

const NOTHING_STORED: StoredHealth = {
  cooldowns: [],
  windows: [],
  session: undefined,
  login: undefined,
  standing: UNKNOWN_STANDING,
}

export interface RegisterOptions {
  readonly clock: Clock
  readonly store: HealthStore
  readonly events: EventStore
  readonly readings: ReadingStore
  /** Told of everything that happens to an account; must return at once. */
  readonly observe: (account: Account, event: AccountEvent) => void
}

export interface Register {
  /** Grows whenever something that is shown or decided by has changed. */
  readonly revision: number
  settle(live: Live, after: Health, ending: Ending): void
  learn(live: Live, standing: Standing): void
  note(live: Live, readings: readonly Window[]): void
  /** The account as the operator, or a renewal of its credential, has just changed it. */
  take(live: Live, account: Account): void
}

export function createRegister(options: RegisterOptions): Register {
  const { clock, store } = options
  let revision = 0
  const tell = ({ account }: Live, events: readonly AccountEvent[]): void => {
    for (const event of events) {
      options.events.add(account.id, event)
      options.observe(account, event)
    }
  }
  const settle: Register['settle'] = (live, after, ending) => {
    const before = live.health
    live.health = after
    if (after.cooldowns === before.cooldowns && after.login === before.login) return
    revision++
    writeHealth(store, live.account.id, before, after)
    tell(live, eventsBetween(before, after, { ending, now: clock.now() }))
  }
  return {
    get revision() {
      return revision
    },
    settle,
    learn(live, standing) {
      if (standing === live.standing) return
      revision++
      live.standing = standing
      live.organization = standing.organization
      live.plan = standing.plan
      store.saveStanding(live.account.id, standing)
    },
    note(live, readings) {
      if (isNoNews(live.windows, readings)) return
      revision++
      live.windows = withReadings(live.windows, readings)
      refresh(live, clock.now())
      for (const window of live.windows) learnWorth(live, window)
      store.saveWindows(live.account.id, live.windows)
      const news = newsIn(live, readings)
      for (const window of news) live.kept.set(window.name, window)
      if (news.length > 0) options.readings.add(live.account.id, news)
    },
    take(live, account) {
      const before = live.account
      live.account = account
      revision++
      if (account.credentialVersion > before.credentialVersion)
        settle(live, afterNewCredential(live.health), 'new-credential')
      const isPaused = account.pausedAt !== undefined
      if (isPaused !== (before.pausedAt !== undefined))
        tell(live, [{ at: clock.now(), kind: isPaused ? 'paused' : 'resumed' }])
    },
  }
}

/** What follows from the windows as they stand at this moment. */
export function refresh(live: Live, now: Millis): void {
  live.tightest = tightestOf(live.windows, now)
  const { paces, worth } = live
  const tokensAnHour = (recentTokens(live, now) * HOUR) / RECENT_MS
  live.headroom = headroomOf(live.windows, now, { paces, tokensAnHour, worth })
}

/** What was asked for longer ago counts for little. */
const RECENT_MS = 10 * MINUTE

/** Of what it was asked for lately. */
export const recentTokens = ({ recentTokens: tokens, recentAt }: Live, now: Millis): number =>
  recentAt === undefined ? 0 : tokens * Math.exp((recentAt - now) / RECENT_MS)

/** Utilization moves in steps: what was served between two of them is what the step is worth. */
const LEAST_STEP = 0.01
const NEW_SHARE = 0.3

function learnWorth({ served, worth }: Live, { name, utilization, resetsAt }: Window): void {
  if (utilization === undefined || lengthOf(name) === undefined) return
  const before = served.get(name)
  const isNew = before === undefined || before.resetsAt !== resetsAt || utilization < before.utilization
  if (!isNew && utilization - before.utilization < LEAST_STEP) return
  // Where in its step utilization was when it was first seen is not known, so that step says nothing.
  if (!isNew && before.isFromStep && before.tokens > 0) {
    const seen = before.tokens / (utilization - before.utilization)
    const known = worth.get(name)
    worth.set(name, known === undefined ? seen : known + NEW_SHARE * (seen - known))
  }
  served.set(name, { utilization, resetsAt, tokens: 0, isFromStep: !isNew })
}

function writeHealth(store: HealthStore, id: AccountId, before: Health, after: Health): void {
  if (after.cooldowns !== before.cooldowns) store.saveCooldowns(id, after.cooldowns)
  if (after.login !== before.login) store.saveLogin(id, after.login)
}

/** Of the windows just read, those whose reading belongs into the history. */
const newsIn = ({ windows, kept }: Live, readings: readonly Window[]): readonly Window[] =>
  windows.filter(
    (window) =>
      readings.some(({ name }) => name === window.name) && isWorthKeeping(kept.get(window.name), window),
  )
