/**
 * What a number of requests add up to: counts, tokens, money, and how long they took. Tallies
 * of parts add up to the tally of the whole. Pure.
 */
import { addHistogram, addLength, type Histogram, newHistogram } from './histogram.ts'
import type { Fact } from './rollup.ts'

export interface Sums {
  readonly requests: number
  readonly succeeded: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cacheReadTokens: number
  readonly cacheWrite5mTokens: number
  readonly cacheWrite1hTokens: number
  readonly costUsd: number
  /** Requests that used tokens of a model without a known price. */
  readonly unpriced: number
}

export interface Tally extends Sums {
  /** Between the first content and the end, of answers that had output. */
  readonly generationMs: number
  readonly latencies: Histogram
  readonly ttfts: Histogram
}

export type GrowingSums = { -readonly [Name in keyof Sums]: number }

/** A tally that is still being added to. */
export type GrowingTally = GrowingSums & {
  generationMs: number
  readonly latencies: Histogram
  readonly ttfts: Histogram
}

export const newSums = (): GrowingSums => ({
  requests: 0,
  succeeded: 0,
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  costUsd: 0,
  unpriced: 0,
})

export const newTally = (): GrowingTally => ({
  ...newSums(),
  generationMs: 0,
  latencies: newHistogram(),
  ttfts: newHistogram(),
})

export function addSums(to: GrowingSums, other: Sums): void {
  to.requests += other.requests
  to.succeeded += other.succeeded
  to.inputTokens += other.inputTokens
  to.outputTokens += other.outputTokens
  to.cacheReadTokens += other.cacheReadTokens
  to.cacheWrite5mTokens += other.cacheWrite5mTokens
  to.cacheWrite1hTokens += other.cacheWrite1hTokens
  to.costUsd += other.costUsd
  to.unpriced += other.unpriced
}

export function addTally(to: GrowingTally, other: Tally): void {
  addSums(to, other)
  to.generationMs += other.generationMs
  addHistogram(to.latencies, other.latencies)
  addHistogram(to.ttfts, other.ttfts)
}

/** Unpriced is what used tokens and has no price; what used none costs nothing. */
export function addFactSums(to: GrowingSums, fact: Fact): void {
  to.requests++
  if (fact.outcome === 'ok') to.succeeded++
  to.inputTokens += fact.inputTokens
  to.outputTokens += fact.outputTokens
  to.cacheReadTokens += fact.cacheReadTokens
  to.cacheWrite5mTokens += fact.cacheWrite5mTokens
  to.cacheWrite1hTokens += fact.cacheWrite1hTokens
  to.costUsd += fact.costUsd ?? 0
  if (fact.costUsd === undefined && tokensOf(fact) > 0) to.unpriced++
}

const tokensOf = (fact: Fact): number =>
  fact.inputTokens +
  fact.outputTokens +
  fact.cacheReadTokens +
  fact.cacheWrite5mTokens +
  fact.cacheWrite1hTokens

export function addFact(to: GrowingTally, fact: Fact): void {
  addFactSums(to, fact)
  const { ttftMs, durationMs } = fact
  if (fact.outputTokens > 0) to.generationMs += Math.max(0, durationMs - (ttftMs ?? 0))
  addLength(to.latencies, durationMs)
  if (ttftMs !== undefined) addLength(to.ttfts, ttftMs)
}

/** Undefined where nothing was generated. */
export const tokensPerSecondOf = ({ outputTokens, generationMs }: Tally): number | undefined =>
  generationMs === 0 ? undefined : (outputTokens * 1_000) / generationMs

/** The share of all prompt tokens that came out of a cache; undefined where there was none. */
export function cacheHitRatioOf(sums: Sums): number | undefined {
  const prompt = sums.inputTokens + sums.cacheReadTokens + sums.cacheWrite5mTokens + sums.cacheWrite1hTokens
  return prompt === 0 ? undefined : sums.cacheReadTokens / prompt
}
