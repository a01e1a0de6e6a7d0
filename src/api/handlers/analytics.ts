/** The handler that answers questions about the past, from sums kept beside the ledger. */
import { GatewayError } from '../../core/error.ts'
import { quantileOf } from '../../core/histogram.ts'
import type { HistoryAnswer, HistoryQuestion } from '../../core/ports/request-log.ts'
import { cutFor, DIMENSIONS, type Dimension, endOf, SIZES, type Size, startOf } from '../../core/rollup.ts'
import { cacheHitRatioOf, newTally, type Tally, tokensPerSecondOf } from '../../core/tally.ts'
import { DAY, HOUR, type Millis, toIso, toMillis } from '../../core/time.ts'
import type { BUCKETS } from '../analytics-schemas.ts'
import type { Answer, Input } from '../contract.ts'
import type { Handlers } from '../handlers.ts'
import { readMoment } from '../moments.ts'
import type { Services } from '../services.ts'
import { idOf } from './requests.ts'

type Query = Input<'analytics'>['query']
type Bucket = (typeof BUCKETS)[number]

const SIZE_OF: Readonly<Record<Bucket, Size>> = { '5m': SIZES.fiveMinutes, '1h': SIZES.hour, '1d': SIZES.day }
const DIMENSION_OF = {
  none: undefined,
  account: 'account',
  model: 'model',
  key: 'key',
  agent: 'agent',
  session: 'session',
  status: 'outcome',
} as const satisfies Readonly<Record<Query['groupBy'], Dimension | undefined>>

/** What a chart can show. */
const MOST_BUCKETS = 400
const LONGEST_MS = 1_100 * DAY

export const analyticsHandlers = (services: Services): Pick<Handlers, 'analytics'> => ({
  async analytics({ query }) {
    const question = await toQuestion(services, query)
    return toView(query.groupBy, question, await services.requests.history(question))
  },
})

async function toQuestion(services: Services, query: Query): Promise<HistoryQuestion> {
  const { from, to } = readSpan(query, services.clock.now())
  const { account, key, model, status, groupBy, limit } = query
  const filters = {
    ...(account === undefined ? {} : { account: idOf(services.accounts.all(), account) }),
    ...(key === undefined ? {} : { key: idOf(services.keys.all(), key) }),
    ...(model === undefined ? {} : { model }),
    ...(status === undefined ? {} : { outcome: status }),
  }
  const by = DIMENSION_OF[groupBy]
  const dimensions = DIMENSIONS.filter((each) => each === by || each in filters)
  const least = query.bucket === undefined ? finestFor(to - from) : SIZE_OF[query.bucket]
  const bucket = await bucketFor(services, { from, to, dimensions, least })
  return {
    from: startOf(from, bucket),
    to: endOf(to, bucket),
    bucket,
    groupBy: by,
    filters,
    mostGroups: limit,
  }
}

function readSpan({ range, from, to }: Query, now: Millis): { readonly from: Millis; readonly to: Millis } {
  if (range !== undefined && (from !== undefined || to !== undefined))
    throw refused('range', 'A range ends now: give either "range", or "from" and "to".')
  const end = to === undefined ? now : readMoment('to', to, now)
  const begin = from === undefined ? readMoment('range', range ?? '24h', end) : readMoment('from', from, now)
  if (begin >= end) throw refused('from', '"from" must be before "to".')
  if (end - begin > LONGEST_MS) throw refused('from', 'Ask for three years at most.')
  return { from: begin, to: end }
}

const refused = (path: string, message: string): GatewayError =>
  new GatewayError('bad-request', message, { details: [{ path, message }] })

function finestFor(lengthMs: number): Size {
  if (lengthMs <= 6 * HOUR) return SIZES.fiveMinutes
  return lengthMs <= 7 * DAY ? SIZES.hour : SIZES.day
}

interface Wish {
  readonly from: Millis
  readonly to: Millis
  readonly dimensions: readonly Dimension[]
  readonly least: Size
}

/** The finest that is wanted, kept for these dimensions since then, and not too many. */
async function bucketFor({ requests }: Services, { from, to, dimensions, least }: Wish): Promise<Size> {
  const [finest = SIZES.day] = cutFor(dimensions).sizes
  for (const size of [SIZES.fiveMinutes, SIZES.hour] as const) {
    if (size < least || size < finest || (to - from) / size > MOST_BUCKETS) continue
    const since = await requests.keptSince(size)
    if (since === undefined || startOf(from, size) >= since) return size
  }
  return SIZES.day
}

function toView(
  groupBy: Query['groupBy'],
  { from, to, bucket }: HistoryQuestion,
  answer: HistoryAnswer,
): Answer<'analytics'> {
  const found = new Map(answer.buckets.map((each) => [each.startsAt, each]))
  const series: Answer<'analytics'>['series'] = []
  for (let startsAt = from; startsAt < to; startsAt = toMillis(startsAt + bucket)) {
    const { total = newTally(), groups = [] } = found.get(startsAt) ?? {}
    series.push({ startsAt: toIso(startsAt), ...toMeasures(total), groups: groups.map(toGroup) })
  }
  return {
    from: toIso(from),
    to: toIso(to),
    bucket: nameOf(bucket),
    groupBy,
    totals: toMeasures(answer.total),
    groups: answer.groups.map(toGroup),
    hasMore: answer.hasMore,
    series,
  }
}

function nameOf(size: Size): Bucket {
  switch (size) {
    case SIZES.fiveMinutes:
      return '5m'
    case SIZES.hour:
      return '1h'
    case SIZES.day:
      return '1d'
  }
}

const toGroup = ({ name, tally }: HistoryAnswer['groups'][number]) => ({
  name: name ?? null,
  ...toMeasures(tally),
})

function toMeasures(tally: Tally): Answer<'analytics'>['totals'] {
  const { latencies, ttfts, generationMs: _, ...sums } = tally
  return {
    ...sums,
    successRate: sums.requests === 0 ? null : sums.succeeded / sums.requests,
    latencyMs: toQuantiles(latencies),
    ttftMs: toQuantiles(ttfts),
    tokensPerSecond: tokensPerSecondOf(tally) ?? null,
    cacheHitRatio: cacheHitRatioOf(sums) ?? null,
  }
}

function toQuantiles(histogram: Tally['latencies']): Answer<'analytics'>['totals']['latencyMs'] {
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => quantileOf(histogram, share))
  return p50 === undefined || p95 === undefined || p99 === undefined ? null : { p50, p95, p99 }
}
