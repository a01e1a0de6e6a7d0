/**
 * The history beside the ledger: sums of five minutes, hours and days, cut by what people ask
 * for. Which cuts there are, what of a row counts, and which cut answers a question. Pure.
 */
import type { LedgerRow } from './ledger.ts'
import { DAY, type Millis, toMillis } from './time.ts'

export const DIMENSIONS = ['account', 'model', 'key', 'outcome', 'session', 'agent'] as const
export type Dimension = (typeof DIMENSIONS)[number]

/** What of a ledger row is counted. Of what a row does not have, the text is empty. */
export interface Fact extends Readonly<Record<Dimension, string>> {
  readonly at: Millis
  /** What the account and the key, told apart by their ids, were called. */
  readonly accountName: string
  readonly keyName: string
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cacheReadTokens: number
  readonly cacheWrite5mTokens: number
  readonly cacheWrite1hTokens: number
  readonly costUsd: number | undefined
  readonly durationMs: number
  readonly ttftMs: number | undefined
}

/** Milliseconds. */
export const SIZES = { fiveMinutes: 300_000, hour: 3_600_000, day: 86_400_000 } as const
export type Size = (typeof SIZES)[keyof typeof SIZES]

/**
 * How long each is kept. Five minutes are for the last hours' charts; hours outlive the ledger's
 * rows, so that a moment between two days can always be told; days are few and stay.
 */
export const KEPT_MS: Readonly<Record<Size, number>> = {
  [SIZES.fiveMinutes]: 3 * DAY,
  [SIZES.hour]: 100 * DAY,
  [SIZES.day]: Number.POSITIVE_INFINITY,
}

export interface Cut {
  readonly name: string
  readonly dimensions: readonly Dimension[]
  readonly sizes: readonly Size[]
  /** So many facts are waited for before its cells are written again: what they share is written once. */
  readonly portion: number
  /** Most of its cells are of a few requests: they are added to without being read first. */
  readonly isSparse: boolean
}

const single = (dimension: Dimension): Cut => ({
  name: dimension,
  dimensions: [dimension],
  sizes: [SIZES.fiveMinutes, SIZES.hour, SIZES.day],
  portion: 6_000,
  isSparse: false,
})

/** For one thing in the light of another; five minutes of them would be many and hardly be asked for. */
const pair = (one: Dimension, other: Dimension): Cut => ({
  name: `${one} ${other}`,
  dimensions: [one, other],
  sizes: [SIZES.hour, SIZES.day],
  portion: 6_000,
  isSparse: false,
})

/**
 * Sessions and agents are without number, so they have no cut of their own: an hour's
 * conversations have a cell each, gone with the hours.
 */
const CONVERSATIONS: Cut = {
  name: 'conversations',
  dimensions: DIMENSIONS,
  sizes: [SIZES.hour],
  portion: 1_500,
  isSparse: true,
}

/** The smallest first. */
export const CUTS: readonly Cut[] = [
  single('outcome'),
  single('model'),
  single('account'),
  single('key'),
  pair('model', 'outcome'),
  pair('account', 'outcome'),
  pair('key', 'outcome'),
  pair('account', 'model'),
  pair('model', 'key'),
  pair('account', 'key'),
  CONVERSATIONS,
]

/** The smallest cut that tells these apart. */
export const cutFor = (dimensions: readonly Dimension[]): Cut =>
  CUTS.find((each) => dimensions.every((dimension) => each.dimensions.includes(dimension))) ?? CONVERSATIONS

export const startOf = (at: Millis, size: number): Millis => toMillis(Math.floor(at / size) * size)

export const endOf = (at: Millis, size: number): Millis => toMillis(Math.ceil(at / size) * size)

export const factOf = (row: LedgerRow): Fact => ({
  at: row.startedAt,
  account: row.accountId ?? '',
  accountName: row.accountId === undefined ? '' : (row.account ?? ''),
  model: row.servedModel ?? '',
  key: row.keyId ?? '',
  keyName: row.keyId === undefined ? '' : (row.key ?? ''),
  outcome: row.outcome,
  session: row.session ?? '',
  agent: row.agent ?? '',
  inputTokens: row.usage.inputTokens,
  outputTokens: row.usage.outputTokens,
  cacheReadTokens: row.usage.cacheReadTokens,
  cacheWrite5mTokens: row.usage.cacheWrite5mTokens,
  cacheWrite1hTokens: row.usage.cacheWrite1hTokens,
  costUsd: row.costUsd,
  durationMs: row.durationMs,
  ttftMs: row.ttftMs,
})
