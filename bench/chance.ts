/** Random orders and arrival times. Equal dice give equal ones. */
import type { Dice } from '../test/support/random.ts'

/** A copy in random order. */
export function shuffle<T>(entries: readonly T[], dice: Dice): readonly T[] {
  return entries
    .map((entry) => ({ entry, rank: dice.next() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ entry }) => entry)
}

/** Arrival times in milliseconds from 0 to below `seconds`, with exponentially distributed gaps. */
export function poissonArrivals(ratePerSecond: number, seconds: number, dice: Dice): readonly number[] {
  const arrivals: number[] = []
  const meanGapMs = 1_000 / ratePerSecond
  for (let at = 0; at < seconds * 1_000; at += -Math.log(1 - dice.next()) * meanGapMs) arrivals.push(at)
  return arrivals
}
