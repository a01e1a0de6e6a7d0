/** What a history must say, worked out from the rows themselves in the plainest way. */
import { addLength, newHistogram, quantileOf } from '../../src/core/histogram.ts'
import type { LedgerRow } from '../../src/core/ledger.ts'
import type { HistoryAnswer, HistoryQuestion } from '../../src/core/ports/request-log.ts'
import { DIMENSIONS, type Dimension, factOf, SIZES, startOf } from '../../src/core/rollup.ts'
import type { Sums, Tally } from '../../src/core/tally.ts'
import { DAY, later, MINUTE, SECOND, toMillis } from '../../src/core/time.ts'
import { createDice } from './random.ts'
import { idOf, NOON, sampleRow } from './samples.ts'

const OUTCOMES = ['ok', 'ok', 'ok', 'upstream-error', 'aborted'] as const

/** Rows over some days before noon, different in everything that is counted, oldest first. */
export function variousRows(count: number, days = 3, seed = 1): readonly LedgerRow[] {
  const dice = createDice(seed)
  const below = (limit: number): number => Math.floor(dice.next() * limit)
  const startsAt = later(NOON, -days * DAY)
  return Array.from({ length: count }, (_, index) => {
    const account = ['a', 'b', 'c'][below(4)]
    const key = ['laptop', 'ci'][below(3)]
    const model = ['opus', 'sonnet', 'glm'][below(4)]
    return sampleRow(index, {
      startedAt: toMillis(startsAt + ((index + dice.next()) * days * DAY) / count),
      accountId: account === undefined ? undefined : idOf(account),
      account,
      keyId: key === undefined ? undefined : `key-${key}`,
      key,
      servedModel: model,
      outcome: OUTCOMES[below(5)] ?? 'ok',
      session: below(5) === 0 ? undefined : `talk-${below(20)}`,
      agent: below(2) === 0 ? undefined : `agent-${below(7)}`,
      ttftMs: below(3) === 0 ? undefined : 8 + below(5 * SECOND),
      durationMs: 5 * SECOND + below(5 * MINUTE),
      // In eighths sums are exact, in whatever order they are made.
      costUsd: below(6) === 0 ? undefined : below(100) / 8,
      usage: { inputTokens: below(900), outputTokens: below(3) * below(400), cacheReadTokens: below(5_000) },
    })
  })
}

export const sumsOfRows = (rows: readonly LedgerRow[]): Sums => {
  const sum = (of: (row: LedgerRow) => number): number => rows.reduce((total, row) => total + of(row), 0)
  return {
    requests: rows.length,
    succeeded: rows.filter(({ outcome }) => outcome === 'ok').length,
    inputTokens: sum(({ usage }) => usage.inputTokens),
    outputTokens: sum(({ usage }) => usage.outputTokens),
    cacheReadTokens: sum(({ usage }) => usage.cacheReadTokens),
    cacheWrite5mTokens: sum(({ usage }) => usage.cacheWrite5mTokens),
    cacheWrite1hTokens: sum(({ usage }) => usage.cacheWrite1hTokens),
    costUsd: sum(({ costUsd = 0 }) => costUsd),
    unpriced: rows.filter(
      ({ costUsd, usage }) =>
        costUsd === undefined && usage.inputTokens + usage.outputTokens + usage.cacheReadTokens > 0,
    ).length,
  }
}

/** As a history's answer is told for a comparison: every sum, and times as they count. */
export function plainly({ total, groups, hasMore, buckets }: HistoryAnswer) {
  const named = (all: HistoryAnswer['groups']) =>
    Object.fromEntries(all.map(({ name, tally }) => [name ?? '', told(tally)]))
  return {
    total: told(total),
    groups: named(groups),
    hasMore,
    buckets: buckets.map((each) => [each.startsAt, told(each.total), named(each.groups)]),
  }
}

const told = ({ latencies, ttfts, ...sums }: Tally) => ({
  ...sums,
  latencyP95: quantileOf(latencies, 0.95),
  ttftP50: quantileOf(ttfts, 0.5),
})

/** What the question's answer must be, told plainly. Accounts are called as `name` says. */
export function expected(
  rows: readonly LedgerRow[],
  question: HistoryQuestion,
  nameOf: (dimension: Dimension, value: string) => string,
) {
  const { from, to, bucket, groupBy, filters } = question
  const meant = rows.filter((row) => {
    const fact = factOf(row)
    return (
      fact.at >= from &&
      fact.at < to &&
      DIMENSIONS.every((each) => filters[each] === undefined || filters[each] === fact[each])
    )
  })
  const grouped = (some: readonly LedgerRow[]) =>
    groupBy === undefined
      ? {}
      : Object.fromEntries(
          [...Map.groupBy(some, (row) => factOf(row)[groupBy])].map(([value, own]) => [
            nameOf(groupBy, value),
            toldOf(own),
          ]),
        )
  return {
    total: toldOf(meant),
    groups: grouped(meant),
    hasMore: false,
    buckets: [...Map.groupBy(meant, ({ startedAt }) => startOf(startedAt, bucket))]
      .sort(([one], [other]) => one - other)
      .map(([startsAt, own]) => [startsAt, toldOf(own), grouped(own)]),
  }
}

const toldOf = (rows: readonly LedgerRow[]) => ({
  ...sumsOfRows(rows),
  generationMs: rows.reduce(
    (sum, { durationMs, ttftMs = 0, usage }) =>
      sum + (usage.outputTokens > 0 ? Math.max(0, durationMs - ttftMs) : 0),
    0,
  ),
  latencyP95: quantileAmong(
    rows.map(({ durationMs }) => durationMs),
    0.95,
  ),
  ttftP50: quantileAmong(
    rows.flatMap(({ ttftMs }) => ttftMs ?? []),
    0.5,
  ),
})

/** What is read out of any histogram for the exact quantile of these lengths. */
function quantileAmong(lengths: readonly number[], share: number): number | undefined {
  const exact = lengths.toSorted((one, other) => one - other)[Math.ceil(share * lengths.length) - 1]
  if (exact === undefined) return undefined
  const histogram = newHistogram()
  addLength(histogram, exact)
  return quantileOf(histogram, 1)
}

/** The last day and more, by the hour. */
export const question = (fields: Partial<HistoryQuestion> = {}): HistoryQuestion => ({
  from: startOf(later(NOON, -2 * DAY), SIZES.hour),
  to: NOON,
  bucket: SIZES.hour,
  groupBy: undefined,
  filters: {},
  mostGroups: 100,
  ...fields,
})
