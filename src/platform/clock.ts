/** The `Clock` port over the machine's clocks and timers. */
import type { Clock } from '../core/ports/clock.ts'
import { toMillis } from '../core/time.ts'

export const systemClock: Clock = {
  now: () => toMillis(Date.now()),
  elapsed: () => performance.now(),
  sleep(ms, signal) {
    if (signal?.aborted === true) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(wake, ms)
    function wake(): void {
      clearTimeout(timer)
      signal?.removeEventListener('abort', wake)
      resolve()
    }
    signal?.addEventListener('abort', wake, { once: true })
    return promise
  },
  after(ms, action) {
    const timer = setTimeout(action, ms)
    return () => clearTimeout(timer)
  },
  chance: Math.random,
}
