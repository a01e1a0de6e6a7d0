/**
 * Counts attempts by whatever they are to be told apart by, in a window of time and in bounded
 * memory. Decides nothing: what follows is the caller's.
 */

const MOST_KEYS = 10_000

export interface AttemptOptions {
  readonly most: number
  readonly windowMs: number
  readonly elapsed: () => number
}

export interface Attempts {
  /** Counts one; false when this key has had its share. */
  take(key: string): boolean
  /** One that was counted before it was known to be a good one. */
  giveBack(key: string): void
}

interface Counted {
  count: number
  readonly since: number
}

export function createAttempts({ most, windowMs, elapsed }: AttemptOptions): Attempts {
  const counted = new Map<string, Counted>()
  return {
    take(key) {
      const now = elapsed()
      const known = counted.get(key)
      if (known !== undefined && now - known.since <= windowMs) {
        known.count++
        return known.count <= most
      }
      counted.delete(key)
      // The oldest goes: who comes with many keys pushes out their own before those of others.
      if (counted.size >= MOST_KEYS) for (const oldest of counted.keys()) if (counted.delete(oldest)) break
      counted.set(key, { count: 1, since: now })
      return most > 0
    },
    giveBack(key) {
      const known = counted.get(key)
      if (known !== undefined) known.count--
    },
  }
}
