/**
 * The pool’s limits as clients see them, worked out when something has changed, and once a
 * second besides, because windows end without a change. Must not read a provider’s headers.
 */
import type { Headers } from '../core/headers.ts'
import { type PoolLimits, poolLimitsOf } from '../core/pool-limits.ts'
import type { Clock } from '../core/ports/clock.ts'
import { SECOND } from '../core/time.ts'
import { writeUnifiedLimits } from '../dialects/messages/limits.ts'
import type { Pool } from './pool.ts'

export interface PoolMeters {
  /** Undefined when no usable account has the windows of a plan. */
  limits(): PoolLimits | undefined
  headers(): Headers
}

const NONE: Headers = []

export function createPoolMeters(
  pool: Pick<Pool, 'views' | 'windowsOf' | 'revision'>,
  clock: Clock,
): PoolMeters {
  let revision = -1
  let readAt = Number.NEGATIVE_INFINITY
  let limits: PoolLimits | undefined
  let headers = NONE
  const read = (): void => {
    const elapsed = clock.elapsed()
    if (revision === pool.revision && elapsed - readAt < SECOND) return
    revision = pool.revision
    readAt = elapsed
    const members = pool
      .views()
      .map(({ account, health }) => ({ account, health, windows: pool.windowsOf(account.id) }))
    limits = poolLimitsOf(members, clock.now())
    headers = limits === undefined ? NONE : writeUnifiedLimits(limits)
  }
  return {
    limits() {
      read()
      return limits
    },
    headers() {
      read()
      return headers
    },
  }
}
