/**
 * Chance that can be had again: the same seed throws the same dice, on every machine. Also
 * chance by name, which depends on what it is for and not on what was thrown before, so that
 * a run with one request less is otherwise the same.
 */

export interface Dice {
  /** Between 0 and 1. */
  next(): number
  between(low: number, high: number): number
  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number
  /** True once in `times` on average. */
  isOneIn(times: number): boolean
  oneOf<T>(values: readonly [T, ...T[]]): T
  /** One of the values, each as often as its share says. */
  weighted<T>(values: readonly [readonly [T, number], ...(readonly [T, number])[]]): T
  /** Waiting time of what happens once in `mean` on average. */
  exponential(mean: number): number
  /** Spread evenly over orders of magnitude. */
  logBetween(low: number, high: number): number
}

export function createDice(seed: number | string): Dice {
  let state = typeof seed === 'number' ? seed >>> 0 : hashOf(seed)
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    return mixed(state) / 2 ** 32
  }
  const whole = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1))
  return {
    next,
    whole,
    between: (low, high) => low + next() * (high - low),
    isOneIn: (times) => next() * times < 1,
    oneOf: (values) => values[whole(0, values.length - 1)] ?? values[0],
    weighted(values) {
      let left = next() * values.reduce((sum, [, share]) => sum + share, 0)
      for (const [value, share] of values) {
        left -= share
        if (left < 0) return value
      }
      return values[0][0]
    },
    exponential: (mean) => -Math.log(1 - next()) * mean,
    logBetween: (low, high) => low * (high / low) ** next(),
  }
}

/** Between 0 and 1, always the same for the same two numbers. */
export const chanceOf = (seed: number, of: number): number =>
  mixed((seed ^ Math.imul(of | 0, 0x9e3779b1) ^ Math.imul((of / 2 ** 32) | 0, 0x85ebca6b)) >>> 0) / 2 ** 32

/** The finalizer of mulberry32: every bit of the input moves every bit of the result. */
function mixed(state: number): number {
  let bits = Math.imul(state ^ (state >>> 15), state | 1)
  bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
  return (bits ^ (bits >>> 14)) >>> 0
}

/** FNV-1a of a text. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash >>> 0
}
