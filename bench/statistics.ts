/** Numbers out of numbers: quantiles of one phase, median and spread over rounds. Pure. */
import type { Quantiles } from './protocol.ts'

export interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
  readonly count: number
}

export function toQuantiles(samples: readonly number[]): Quantiles {
  const sorted = Float64Array.from(samples).sort()
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
  return { count: sorted.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: sorted.at(-1) ?? 0 }
}

/** Undefined when there is nothing to summarize. */
export function toSpread(values: readonly number[]): Spread | undefined {
  const sorted = Float64Array.from(values).sort()
  const least = sorted[0]
  const most = sorted.at(-1)
  if (least === undefined || most === undefined) return undefined
  const middle = (sorted.length - 1) / 2
  const lower = sorted[Math.floor(middle)] ?? least
  const upper = sorted[Math.ceil(middle)] ?? most
  return { median: (lower + upper) / 2, least, most, count: sorted.length }
}
