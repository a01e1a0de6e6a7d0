/** The last of what happened in memory, and whoever wants to hear of the next. */
import type { LiveFeed } from '../api/services.ts'

export interface Feed<T> extends LiveFeed<T> {
  push(item: T): void
  /** Somebody listens, or did a moment ago and may come back. */
  readonly isHeard: boolean
  /** Ends every subscription, and each later one at once: an open feed must not hold up a stop. */
  end(): void
}

const REMEMBERED = 500
/** Anything is kept only while somebody listens, and this long after, for a listener who comes back. */
const INTEREST_MS = 300_000

export function createFeed<T extends { readonly id: string }>(elapsed: () => number): Feed<T> {
  const listeners = new Map<(item: T) => void, () => void>()
  let isEnded = false
  let items: T[] = []
  let interestUntil = 0
  const isHeard = (): boolean => listeners.size > 0 || elapsed() <= interestUntil
  return {
    get isHeard() {
      return isHeard()
    },
    push(item) {
      if (!isHeard()) {
        if (items.length > 0) items = []
        return
      }
      items.push(item)
      if (items.length > 2 * REMEMBERED) items = items.slice(-REMEMBERED)
      for (const listener of listeners.keys()) listener(item)
    },
    since(after) {
      const index = after === undefined ? items.length - 1 : items.findIndex(({ id }) => id === after)
      return items.slice(index + 1)
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
