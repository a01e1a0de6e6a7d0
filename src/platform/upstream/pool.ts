/**
 * Idle links to upstreams, the most recently used first. Each is dropped when it has been
 * idle so long that its other side may be about to close it, and at the first sign of life:
 * nothing may come on an idle link. Must not open links.
 */
import type { Link } from './link.ts'

export interface LinkPool {
  take(key: string): Link | undefined
  put(key: string, link: Link, keepAliveMs: number | undefined): void
  closeAll(): void
}

const IDLE_MS = 30_000
/** Taken off what the other side announced, for the time on the way. */
const SAFETY_MS = 1_000
const MOST_IDLE_OF_ONE = 256
/** Above it, keys without idle links are forgotten: they come from accounts and their proxies, which change. */
const MOST_KEYS = 1_000

export function createLinkPool(): LinkPool {
  const idle = new Map<string, { readonly link: Link; readonly timer: ReturnType<typeof setTimeout> }[]>()

  const remove = (key: string, link: Link): void => {
    const list = idle.get(key) ?? []
    const index = list.findIndex((entry) => entry.link === link)
    if (index < 0) return
    const [entry] = list.splice(index, 1)
    clearTimeout(entry?.timer)
    link.terminate()
  }
  const forgetEmpty = (): void => {
    for (const [key, list] of idle) if (list.length === 0) idle.delete(key)
  }
  return {
    take(key) {
      const entry = idle.get(key)?.pop()
      if (entry === undefined) return undefined
      clearTimeout(entry.timer)
      return entry.link
    },
    put(key, link, keepAliveMs = IDLE_MS + SAFETY_MS) {
      const ms = Math.min(IDLE_MS, keepAliveMs - SAFETY_MS)
      const list = idle.get(key) ?? []
      if (ms <= 0 || list.length >= MOST_IDLE_OF_ONE || link.isClosed) return link.terminate()
      const drop = (): void => remove(key, link)
      link.events = { data: drop, close: drop }
      list.push({ link, timer: setTimeout(drop, ms) })
      if (idle.size >= MOST_KEYS && !idle.has(key)) forgetEmpty()
      idle.set(key, list)
    },
    closeAll() {
      for (const list of idle.values()) {
        for (const { link, timer } of list) {
          clearTimeout(timer)
          link.terminate()
        }
      }
      idle.clear()
    },
  }
}
