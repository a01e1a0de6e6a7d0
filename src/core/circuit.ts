/**
 * Circuits of accounts and of origins, for transport faults and server errors: after so many
 * in a row requests are no longer spent on it (open), then one at a time tries it
 * (half-open), and any answer closes it. No blame: nothing is stored, and nothing lasts
 * longer than half a minute. A fault that the request could be to blame for counts a fifth
 * until another account has served that request (G7). Overloads count nothing.
 */
import type { Faults } from './health.ts'
import { later, type Millis, SECOND } from './time.ts'

export type CircuitState =
  | { readonly kind: 'closed' }
  | { readonly kind: 'open'; readonly until: Millis }
  | { readonly kind: 'half-open' }

const FIRST_OPEN_MS = 5 * SECOND
const LONGEST_OPEN_MS = 30 * SECOND
/** All accounts of an origin together have to fail that much more often than one alone. */
export const ORIGIN_FACTOR = 2

/** Fractions do not add up to whole numbers exactly. */
const ROUNDING = 1e-9

const CLOSED: CircuitState = { kind: 'closed' }

/** `threshold`: faults in a row that open it; 0 never does. */
export function circuitOf(faults: Faults, threshold: number, now: Millis): CircuitState {
  const over = faults.trips - threshold
  if (threshold === 0 || over < -ROUNDING || faults.lastAt === undefined) return CLOSED
  const doublings = Math.floor(over + ROUNDING)
  const until = later(faults.lastAt, Math.min(FIRST_OPEN_MS * 2 ** doublings, LONGEST_OPEN_MS))
  return until > now ? { kind: 'open', until } : { kind: 'half-open' }
}
