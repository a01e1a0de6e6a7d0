/** Chance that can be repeated: the same seed, the same throws. For tests and benchmarks, not for secrets. */

export interface Dice {
  /** From 0 to just below 1. */
  next(): number
  /** A whole number from 0 to just below `limit`. */
  below(limit: number): number
  one<T>(list: readonly T[]): T
}

/** Mulberry32. */
export function createDice(seed: number): Dice {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  return {
    next,
    below,
    one<T>(list: readonly T[]): T {
      const [first] = list.slice(below(list.length))
      if (first === undefined) throw new Error('There is nothing to choose from.')
      return first
    },
  }
}
