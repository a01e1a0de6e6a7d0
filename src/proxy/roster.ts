/**
 * Who is in the pool: each account's live state by its id, in the operator's order, and what
 * ages by itself brought up to date. Must not change what is known of an account's health.
 */
import type { Account, AccountId } from '../core/account.ts'
import type { HealthStore } from '../core/ports/stores.ts'
import { shareOf } from '../core/strategies.ts'
import { SECOND } from '../core/time.ts'
import { type Live, newcomer, newOrigin, type Origin, type RegisterOptions, refresh } from './live.ts'

export interface RosterOptions extends Pick<RegisterOptions, 'clock' | 'store'> {
  /** Accounts with the same one share an endpoint. */
  readonly originOf: (account: Account) => string
}

export interface Roster {
  get(id: AccountId): Live | undefined
  all(): readonly Live[]
  /** New accounts come, removed ones go, the rest keep their state. `take`: told of each as it is now. */
  sync(accounts: readonly Account[], virtualTime: number, take: (live: Live, account: Account) => void): void
}

/** Windows age by themselves: what follows from them is worked out anew this often. */
const REFRESH_MS = SECOND
const NOBODY_STORED: ReturnType<HealthStore['load']> = new Map()

export function createRoster(options: RosterOptions): Roster {
  const { clock, store } = options
  const lives = new Map<AccountId, Live>()
  const originOf = createOrigins(options)
  let views: readonly Live[] = []
  let refreshedAt = Number.NEGATIVE_INFINITY
  return {
    get: (id) => lives.get(id),
    all() {
      const elapsed = clock.elapsed()
      if (elapsed - refreshedAt < REFRESH_MS) return views
      refreshedAt = elapsed
      const now = clock.now()
      for (const live of views) if (live.windows.length > 0) refresh(live, now)
      return views
    },
    sync(accounts, virtualTime, take) {
      const stored = lives.size === 0 ? store.load() : NOBODY_STORED
      const ids = new Set(accounts.map(({ id }) => id))
      for (const id of lives.keys()) if (!ids.has(id)) lives.delete(id)
      views = accounts.map((account) => {
        const known = lives.get(account.id)
        const live = known ?? newcomer(account, originOf(account), stored.get(account.id))
        // In the middle of its share, so that equals do not all come at once.
        if (known === undefined) live.dueAt = virtualTime + 0.5 / shareOf(account)
        live.origin = originOf(account)
        take(live, account)
        lives.set(account.id, live)
        return live
      })
      refreshedAt = Number.NEGATIVE_INFINITY
    },
  }
}

/** One shared state for each origin; those that nobody has any more are forgotten by themselves. */
function createOrigins({ originOf }: Pick<RosterOptions, 'originOf'>): (account: Account) => Origin {
  const origins = new Map<string, WeakRef<Origin>>()
  return (account) => {
    const name = originOf(account)
    const known = origins.get(name)?.deref()
    if (known !== undefined) return known
    const origin = newOrigin()
    origins.set(name, new WeakRef(origin))
    return origin
  }
}
