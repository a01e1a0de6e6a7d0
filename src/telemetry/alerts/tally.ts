/**
 * Counts the traffic of late as it is booked, in slices of five minutes, for the rules that look
 * at it: a few additions a request, and nothing where no rule does. Bounded in time by the
 * longest rule, and in parties by a number. Must not read the ledger.
 */
import {
  NO_TRAFFIC,
  plusTraffic,
  SLICE_MS,
  sliceOf,
  type TrafficParty,
  type TrafficSlice,
  type TrafficSums,
} from '../../core/alerts/traffic.ts'
import type { LedgerRow, Outcome } from '../../core/ledger.ts'
import { later, type Millis, toMillis } from '../../core/time.ts'
import { promptTokensOf } from '../../core/usage.ts'

export interface Tally {
  booked(row: LedgerRow): void
  /** From now on it counts, for so long back; 0: not at all. What was counted before is forgotten. */
  begin(now: Millis, reachMs: number): void
  /** What was before it began. */
  add(slices: readonly TrafficSlice[]): void
  slices(): readonly TrafficSlice[]
  readonly reachMs: number
}

/** In one slice; what others use goes to nobody in particular. */
const MOST_PARTIES = 500

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }
type Parties = Map<string, Mutable<TrafficSlice>>

export function createTally(): Tally {
  let slices = new Map<Millis, Parties>()
  let reachMs = 0
  let begunAt = toMillis(0)

  const partiesAt = (at: Millis): Parties => {
    const known = slices.get(at)
    if (known !== undefined) return known
    for (const old of slices.keys()) if (old < later(at, -reachMs - SLICE_MS)) slices.delete(old)
    const parties: Parties = new Map()
    slices.set(at, parties)
    return parties
  }
  const sumOf = (at: Millis, party: TrafficParty): Mutable<TrafficSlice> => {
    const parties = partiesAt(at)
    const key = `${party.account} ${party.key} ${party.model}`
    const known = parties.get(key)
    if (known !== undefined) return known
    if (parties.size >= MOST_PARTIES && party !== NOBODY) return sumOf(at, NOBODY)
    const { account, key: ofKey, model } = party
    const sum = { at, account, key: ofKey, model, ...NO_TRAFFIC }
    parties.set(key, sum)
    return sum
  }
  return {
    booked(row) {
      if (reachMs === 0) return
      const endedAt = later(row.startedAt, row.durationMs)
      if (endedAt < begunAt) return
      addTo(sumOf(sliceOf(endedAt), partyOf(row)), row)
    },
    begin(now, reach) {
      slices = new Map()
      begunAt = now
      reachMs = reach
    },
    add(earlier) {
      for (const slice of earlier)
        Object.assign(sumOf(slice.at, slice), plusTraffic(sumOf(slice.at, slice), slice))
    },
    slices: () => [...slices.values()].flatMap((parties) => [...parties.values()]),
    get reachMs() {
      return reachMs
    },
  }
}

const NOBODY: TrafficParty = { account: undefined, key: undefined, model: undefined }

const partyOf = ({ accountId, keyId, servedModel }: LedgerRow): TrafficParty => ({
  account: accountId,
  key: keyId,
  model: servedModel,
})

function addTo(sum: Mutable<TrafficSums>, { outcome, costUsd, usage }: LedgerRow): void {
  sum.requests += isCounted(outcome) ? 1 : 0
  sum.failed += isFailed(outcome) ? 1 : 0
  sum.costUsd += costUsd ?? 0
  sum.promptTokens += promptTokensOf(usage)
  sum.cacheReadTokens += usage.cacheReadTokens
}

/** A client's own mistake, and one that left, say nothing of the pool. */
const isCounted = (outcome: Outcome): boolean => outcome !== 'client-error' && outcome !== 'aborted'

const isFailed = (outcome: Outcome): boolean =>
  outcome === 'upstream-error' || outcome === 'refused' || outcome === 'truncated'
