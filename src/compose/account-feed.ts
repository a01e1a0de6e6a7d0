/**
 * What changes about accounts, for the live stream: at most once a second for each, and only
 * while somebody listens. Must not say what has changed: whoever hears of it looks.
 */
import type { AccountChange, LiveFeed } from '../api/services.ts'
import type { Account, AccountId } from '../core/account.ts'
import type { Clock } from '../core/ports/clock.ts'
import type { HealthStore } from '../core/ports/stores.ts'
import { SECOND } from '../core/time.ts'
import { createFeed } from './feed.ts'

export interface AccountFeed extends LiveFeed<AccountChange> {
  /** The operator's present list. */
  sync(accounts: readonly Account[]): void
  /** The same store; whatever is written of an account's limits and health is heard of. */
  watching(store: HealthStore): HealthStore
  end(): void
}

const LEAST_PAUSE_MS = SECOND

export function createAccountFeed(clock: Pick<Clock, 'elapsed' | 'after'>, newId: () => string): AccountFeed {
  const feed = createFeed<AccountChange>(clock.elapsed)
  const known = new Map<AccountId, Account>()
  const waiting = new Map<AccountId, () => void>()
  const toldAt = new Map<AccountId, number>()
  const tell = (id: AccountId): void => {
    waiting.delete(id)
    const account = known.get(id)
    if (account === undefined) return
    toldAt.set(id, clock.elapsed())
    feed.push({ id: newId(), kind: 'changed', account })
  }
  const changed = (id: AccountId): void => {
    if (!feed.isHeard || waiting.has(id) || !known.has(id)) return
    const pauseMs = (toldAt.get(id) ?? -LEAST_PAUSE_MS) + LEAST_PAUSE_MS - clock.elapsed()
    waiting.set(
      id,
      clock.after(Math.max(0, pauseMs), () => tell(id)),
    )
  }
  const remove = (account: Account): void => {
    const { id } = account
    known.delete(id)
    waiting.get(id)?.()
    waiting.delete(id)
    toldAt.delete(id)
    feed.push({ id: newId(), kind: 'removed', account })
  }
  return {
    since: feed.since,
    subscribe: feed.subscribe,
    sync(accounts) {
      const present = new Set(accounts.map(({ id }) => id))
      for (const account of [...known.values()]) if (!present.has(account.id)) remove(account)
      for (const account of accounts) {
        const isNews = known.get(account.id) !== account
        known.set(account.id, account)
        if (isNews) changed(account.id)
      }
    },
    watching: (store) => heard(store, changed),
    end() {
      for (const stop of waiting.values()) stop()
      waiting.clear()
      feed.end()
    },
  }
}

const heard = (store: HealthStore, changed: (id: AccountId) => void): HealthStore => {
  const then =
    <Rest extends readonly unknown[]>(save: (id: AccountId, ...rest: Rest) => void) =>
    (id: AccountId, ...rest: Rest): void => {
      save(id, ...rest)
      changed(id)
    }
  return {
    ...store,
    saveCooldowns: then(store.saveCooldowns),
    saveWindows: then(store.saveWindows),
    saveLogin: then(store.saveLogin),
    saveStanding: then(store.saveStanding),
  }
}
