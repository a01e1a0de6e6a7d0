/** What rules about errors, spending and caches find in the traffic of late. Must not look further back than they say. */
import { DAY, describeLength, HOUR, later, type Millis } from '../time.ts'
import { type Finding, percent } from './finding.ts'
import type { Condition } from './rule.ts'
import { sliceOf, sumBetween, type Timeline, type TrafficSums } from './traffic.ts'

type TrafficCondition = Extract<Condition, { readonly kind: 'error-rate' | 'spend-above' | 'cache-hit' }>

const SUBJECT = 'traffic'

/** How far back a condition looks. */
export function reachOf(when: Condition): number {
  switch (when.kind) {
    case 'error-rate':
      return when.overMs
    case 'spend-above':
      return HOUR
    case 'cache-hit':
      return when.overMs + (when.fallsBy === undefined ? 0 : DAY)
    case 'budget-above':
    case 'account-state':
    case 'window-above':
    case 'window-reset':
    case 'runway-below':
      return 0
  }
}

export function trafficFindings(when: TrafficCondition, timeline: Timeline, now: Millis): Finding {
  switch (when.kind) {
    case 'error-rate':
      return errorFinding(when, timeline, now)
    case 'spend-above':
      return spendFinding(when.usdPerHour, timeline, now)
    case 'cache-hit':
      return cacheFinding(when, timeline, now)
  }
}

/** The last so many milliseconds, and the rest of the slice that they begin in. */
const lastOf = (timeline: Timeline, ms: number, now: Millis): TrafficSums =>
  sumBetween(timeline, sliceOf(later(now, -ms)), now)

function errorFinding(
  { share, overMs, atLeast }: Extract<Condition, { readonly kind: 'error-rate' }>,
  timeline: Timeline,
  now: Millis,
): Finding {
  const { requests, failed } = lastOf(timeline, overMs, now)
  const rate = requests === 0 ? 0 : failed / requests
  return {
    subject: SUBJECT,
    // Too few say nothing of it being over either, but with none at all there is nothing to be told of.
    isSo: requests >= atLeast ? rate > share : undefinedUnlessNone(requests),
    message: `${failed} of ${requests} requests (${percent(rate)}) in the last ${describeLength(overMs)} had no good answer.`,
    value: rate,
  }
}

const undefinedUnlessNone = (count: number): false | undefined => (count === 0 ? false : undefined)

function spendFinding(usdPerHour: number, timeline: Timeline, now: Millis): Finding {
  const from = sliceOf(later(now, -HOUR))
  const { costUsd } = sumBetween(timeline, from, now)
  const rate = (costUsd * HOUR) / Math.max(HOUR, now - from)
  return {
    subject: SUBJECT,
    isSo: rate > usdPerHour,
    message: `$${rate.toFixed(2)} were spent in the last hour.`,
    value: rate,
  }
}

function cacheFinding(
  { below, fallsBy, overMs, atLeast }: Extract<Condition, { readonly kind: 'cache-hit' }>,
  timeline: Timeline,
  now: Millis,
): Finding {
  const from = sliceOf(later(now, -overMs))
  const present = hitOf(sumBetween(timeline, from, now), atLeast)
  const before =
    fallsBy === undefined ? undefined : hitOf(sumBetween(timeline, later(from, -DAY), from), atLeast)
  if (present === undefined)
    return { subject: SUBJECT, isSo: undefined, message: 'Too little was sent to say how often caches hit.' }
  const isLow = below !== undefined && present < below
  const hasFallen = fallsBy !== undefined && before !== undefined && before - present > fallsBy
  const beside = before === undefined ? '' : `, the day before ${percent(before)}`
  return {
    subject: SUBJECT,
    isSo: isLow || hasFallen,
    message: `${percent(present)} of what was sent in the last ${describeLength(overMs)} came from a cache${beside}.`,
    value: present,
  }
}

const hitOf = ({ promptTokens, cacheReadTokens }: TrafficSums, atLeast: number): number | undefined =>
  promptTokens < Math.max(1, atLeast) ? undefined : cacheReadTokens / promptTokens
