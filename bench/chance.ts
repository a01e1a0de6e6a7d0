/** Reproducible chance: equal seeds give equal sequences. Must not be used for secrets. */

export interface Chance {
  /** From 0 to below 1. */
  next(): number
  /** One of the entries. */
  pick<T>(entries: readonly [T, ...T[]]): T
  /** A whole number from 0 to below `end`. */
  below(end: number): number
}

/** The generator known as mulberry32. */
export function createChance(seed: number): Chance {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (end: number): number => Math.floor(next() * end)
  return { next, below, pick: (entries) => entries[below(entries.length)] ?? entries[0] }
}

/** A copy in random order. */
export function shuffle<T>(entries: readonly T[], chance: Chance): readonly T[] {
  return entries
    .map((entry) => ({ entry, rank: chance.next() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ entry }) => entry)
}

/** Arrival times in milliseconds from 0 to below `seconds`, with exponentially distributed gaps. */
export function poissonArrivals(ratePerSecond: number, seconds: number, chance: Chance): readonly number[] {
  const arrivals: number[] = []
  const meanGapMs = 1_000 / ratePerSecond
  for (let at = 0; at < seconds * 1_000; at += -Math.log(1 - chance.next()) * meanGapMs) arrivals.push(at)
  return arrivals
}
