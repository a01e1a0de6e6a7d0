/**
 * Prompt caches: what a conversation has put into one is there until it has not been used for
 * its life. Must not know whose cache it is.
 */
import { later, type Millis } from '../core/time.ts'
import type { TraceRequest } from './trace.ts'

export interface Caches {
  /** The tokens of the request's prompt that are read from this cache; what is new is written into it. */
  use(cache: string, request: TraceRequest, now: Millis): number
}

interface Cache {
  readonly tokens: number
  readonly until: Millis
}

export function createCaches(): Caches {
  const caches = new Map<string, Cache>()
  return {
    use(name, { cachedTokens, promptTokens, cacheLifeMs }, now) {
      const cache = caches.get(name)
      const isWarm = cache !== undefined && now < cache.until
      caches.set(name, { tokens: promptTokens, until: later(now, cacheLifeMs) })
      // A turn may have rewritten what came before: more than it says cannot be read.
      return isWarm ? Math.min(cachedTokens, cache.tokens) : 0
    },
  }
}
