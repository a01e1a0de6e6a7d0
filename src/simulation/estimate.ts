/**
 * What a window is worth in tokens: what was served between two readings of it, against how
 * far its utilization moved. Where it moved too little nothing is estimated. Must not guess.
 */
import { CACHE_LIFE_MS, LONG_CACHE_LIFE_MS } from '../core/session.ts'
import { MINUTE, type Millis } from '../core/time.ts'
import type { LedgerRequest } from './from-ledger.ts'
import { costTokens } from './trace.ts'

export interface LedgerReading {
  readonly account: string
  readonly window: string
  readonly at: Millis
  readonly utilization: number | undefined
  readonly resetsAt: Millis | undefined
}

export type Estimate =
  | { readonly kind: 'known'; readonly capacity: number }
  | { readonly kind: 'unknown'; readonly reason: string }

/** Utilization comes in whole percents: of less than so many, half could be rounding. */
const LEAST_MOVED = 0.05
const JITTER_MS = MINUTE

export function estimateWorth(
  readings: readonly LedgerReading[],
  requests: readonly LedgerRequest[],
): Estimate {
  let moved = 0
  let tokens = 0
  let next = 0
  for (const [index, reading] of readings.entries()) {
    const before = readings[index - 1]
    const step = before === undefined ? undefined : stepBetween(before, reading)
    let served = 0
    for (let row = requests[next]; row !== undefined && row.startedAt <= reading.at; row = requests[++next])
      if (before !== undefined && row.startedAt > before.at) served += costOf(row)
    if (step === undefined) continue
    moved += step
    tokens += served
  }
  if (readings.length < 2) return { kind: 'unknown', reason: 'it was hardly ever read' }
  if (moved < LEAST_MOVED)
    return { kind: 'unknown', reason: `its utilization moved by ${Math.round(moved * 100)} % only` }
  if (tokens === 0) return { kind: 'unknown', reason: 'nothing that was served explains how it was used' }
  return { kind: 'known', capacity: Math.round(tokens / moved) }
}

/** How far it moved; undefined where it began anew in between, or is not known. */
function stepBetween(before: LedgerReading, after: LedgerReading): number | undefined {
  if (before.utilization === undefined || after.utilization === undefined) return undefined
  const isSame =
    before.resetsAt !== undefined &&
    after.resetsAt !== undefined &&
    Math.abs(after.resetsAt - before.resetsAt) < JITTER_MS
  const step = after.utilization - before.utilization
  return isSame && step >= 0 ? step : undefined
}

const costOf = ({ promptTokens, readTokens, outputTokens, isLongCache }: LedgerRequest): number =>
  costTokens(
    { promptTokens, outputTokens, cacheLifeMs: isLongCache ? LONG_CACHE_LIFE_MS : CACHE_LIFE_MS },
    readTokens,
  )

/** The last reading by that moment, or the first one after it. */
export const readingAt = (readings: readonly LedgerReading[], at: Millis): LedgerReading | undefined =>
  readings.findLast((reading) => reading.at <= at) ?? readings[0]
