/**
 * One account's live state, and what is written down when it changes: cooldowns and the need
 * of a sign-in, the provider's windows and their history, whose account it is, and the event
 * that tells of each. Must not decide what changes; that is core/health.ts.
 */
import type { Account, AccountId } from '../core/account.ts'
import { type AccountEvent, type Ending, eventsBetween } from '../core/event.ts'
import { afterNewCredential, HEALTHY, type Health } from '../core/health.ts'
import { isNoNews, isWorthKeeping, type Window, withReadings } from '../core/limits.ts'
import type { Clock } from '../core/ports/clock.ts'
import type {
  EventStore,
  HealthStore,
  ReadingStore,
  StoredHealth,
  StoredSession,
} from '../core/ports/stores.ts'
import type { AccountView } from '../core/situation.ts'
import { type Standing, UNKNOWN_STANDING } from '../core/standing.ts'
import type { Millis } from '../core/time.ts'

export interface Live extends AccountView {
  account: Account
  health: Health
  windows: readonly Window[]
  /** The last reading of each window that was kept for history. */
  readonly kept: Map<string, Window>
  standing: Standing
  organization: string | undefined
  inFlight: number
  begun: number
  lastTurn: number
  probingSince: Millis | undefined
  session: StoredSession | undefined
}

export const newcomer = (account: Account, stored: StoredHealth = NOTHING_STORED): Live => ({
  account,
  health: { ...HEALTHY, cooldowns: stored.cooldowns, login: stored.login },
  windows: stored.windows,
  kept: new Map(),
  standing: stored.standing,
  organization: stored.standing.organization,
  inFlight: 0,
  begun: 0,
  lastTurn: 0,
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
      store.saveStanding(live.account.id, standing)
    },
    note(live, readings) {
      if (isNoNews(live.windows, readings)) return
      revision++
      live.windows = withReadings(live.windows, readings)
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
