/**
 * What the pool's traffic was, in slices of five minutes: what rules about errors, spending and
 * caches look at, live and over the past alike. A request counts when it ended. Must not read a
 * ledger.
 */
import { familyOf } from '../model.ts'
import { MINUTE, type Millis, toMillis } from '../time.ts'
import type { Scope } from './rule.ts'

export const SLICE_MS = 5 * MINUTE

export interface TrafficSums {
  /** Requests that say something of the pool: neither a client's own mistake nor one that left. */
  readonly requests: number
  /** Those of them without a good answer. */
  readonly failed: number
  readonly costUsd: number
  /** All that was sent: read from a cache, written to one, and neither. */
  readonly promptTokens: number
  readonly cacheReadTokens: number
}

/** Who and what a slice's sums are of. */
export interface TrafficParty {
  readonly account: string | undefined
  readonly key: string | undefined
  readonly model: string | undefined
}

export interface TrafficSlice extends TrafficSums, TrafficParty {
  /** Its first moment. */
  readonly at: Millis
}

/** One sum for each slice of time, oldest first. */
export type Timeline = readonly (TrafficSums & { readonly at: Millis })[]

export const NO_TRAFFIC: TrafficSums = {
  requests: 0,
  failed: 0,
  costUsd: 0,
  promptTokens: 0,
  cacheReadTokens: 0,
}

export const sliceOf = (at: Millis): Millis => toMillis(at - (at % SLICE_MS))

export const plusTraffic = (a: TrafficSums, b: TrafficSums): TrafficSums => ({
  requests: a.requests + b.requests,
  failed: a.failed + b.failed,
  costUsd: a.costUsd + b.costUsd,
  promptTokens: a.promptTokens + b.promptTokens,
  cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
})

/** The slices within a scope, put together; `isInGroup` knows who is in a group now. */
export function timelineOf(
  slices: readonly TrafficSlice[],
  scope: Scope,
  isInGroup: (account: string, group: string) => boolean,
): Timeline {
  const sums = new Map<Millis, TrafficSums>()
  for (const slice of slices) {
    if (isWithin(slice, scope, isInGroup))
      sums.set(slice.at, plusTraffic(sums.get(slice.at) ?? NO_TRAFFIC, slice))
  }
  return [...sums].map(([at, sum]) => ({ at, ...sum })).sort((a, b) => a.at - b.at)
}

function isWithin(
  { account, key, model }: TrafficParty,
  scope: Scope,
  isInGroup: (account: string, group: string) => boolean,
): boolean {
  if (scope.account !== undefined && account !== scope.account) return false
  if (scope.key !== undefined && key !== scope.key) return false
  if (scope.group !== undefined && (account === undefined || !isInGroup(account, scope.group))) return false
  return (
    scope.model === undefined ||
    model === scope.model ||
    (model !== undefined && familyOf(model) === scope.model)
  )
}

/** The sums of the slices that begin in `[from, until)`. */
export function sumBetween(timeline: Timeline, from: Millis, until: Millis): TrafficSums {
  let sum = NO_TRAFFIC
  for (let index = firstFrom(timeline, from); index < timeline.length; index++) {
    const slice = timeline[index]
    if (slice === undefined || slice.at >= until) break
    sum = plusTraffic(sum, slice)
  }
  return sum
}

/** A week is two thousand slices, and each moment of it looks only at its own few. */
function firstFrom(timeline: Timeline, from: Millis): number {
  let low = 0
  let high = timeline.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((timeline[middle]?.at ?? from) < from) low = middle + 1
    else high = middle
  }
  return low
}
