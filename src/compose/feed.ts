/** The last ledger rows in memory, and whoever wants to hear of the next ones. */
import type { RequestFeed } from '../api/services.ts'
import type { LedgerRow } from '../core/ledger.ts'

export interface Feed extends RequestFeed {
  push(row: LedgerRow): void
  /** Ends every subscription, and each later one at once: an open feed must not hold up a stop. */
  end(): void
}

const REMEMBERED = 500
/** Rows are kept only while somebody listens, and this long after, for a listener who comes back. */
const INTEREST_MS = 300_000

export function createFeed(elapsed: () => number): Feed {
  const listeners = new Map<(row: LedgerRow) => void, () => void>()
  let isEnded = false
  let rows: LedgerRow[] = []
  let interestUntil = 0
  return {
    push(row) {
      if (listeners.size === 0 && elapsed() > interestUntil) {
        if (rows.length > 0) rows = []
        return
      }
      rows.push(row)
      if (rows.length > 2 * REMEMBERED) rows = rows.slice(-REMEMBERED)
      for (const listener of listeners.keys()) listener(row)
    },
    since(after) {
      const index = after === undefined ? rows.length - 1 : rows.findIndex(({ id }) => id === after)
      return rows.slice(index + 1)
    },
    subscribe(listener, ended) {
      if (isEnded) queueMicrotask(ended)
      else listeners.set(listener, ended)
      return () => {
        listeners.delete(listener)
        interestUntil = elapsed() + INTEREST_MS
      }
    },
    end() {
      isEnded = true
      for (const ended of [...listeners.values()]) ended()
      listeners.clear()
    },
  }
}
