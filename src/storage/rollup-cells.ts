/**
 * Cells of the history on their way into the table and out of it, and facts on their way
 * through the tail. Columns come from this file only. Must not query.
 */
import { addWritten, writeHistogram } from '../core/histogram.ts'
import type { Cut, Dimension, Fact, Size } from '../core/rollup.ts'
import { type GrowingTally, newTally, type Sums } from '../core/tally.ts'
import { type Millis, toMillis } from '../core/time.ts'
import { numberOf, type Row, type Statement, textOf, type Value } from './database.ts'

/** One cut's sum over one stretch of time, for one value of each of its dimensions. */
export interface Cell {
  readonly size: Size
  readonly startsAt: Millis
  /** In the order of the cut's dimensions. */
  readonly values: readonly string[]
  readonly tally: GrowingTally
}

export const COLUMN_OF: Readonly<Record<Dimension, string>> = {
  account: 'account',
  model: 'model',
  key: 'client_key',
  outcome: 'outcome',
  session: 'session',
  agent: 'agent',
}

const KEY_COLUMNS = ['cut', 'size', 'starts_at', ...Object.values(COLUMN_OF)]

export const SUM_COLUMNS = [
  ...['requests', 'succeeded', 'input_tokens', 'output_tokens', 'cache_read_tokens'],
  ...['cache_write_5m_tokens', 'cache_write_1h_tokens', 'cost_usd', 'unpriced'],
] as const

export const TALLY_COLUMNS = [...SUM_COLUMNS, 'generation_ms', 'latencies', 'ttfts'] as const

const COLUMNS = [...KEY_COLUMNS, ...TALLY_COLUMNS]

const INSERT = `insert into rollups (${COLUMNS.join(', ')})
  values (${COLUMNS.map((_, index) => `$${index + 1}`).join(', ')})
  on conflict (${KEY_COLUMNS.join(', ')}) do update set`

const NUMBERS = [...SUM_COLUMNS, 'generation_ms']
const HISTOGRAMS = ['latencies', 'ttfts']
const REPLACE = `${INSERT} ${TALLY_COLUMNS.map((column) => `${column} = excluded.${column}`).join(', ')}`
const ADD = `${INSERT} ${[
  ...NUMBERS.map((column) => `${column} = rollups.${column} + excluded.${column}`),
  ...HISTOGRAMS.map((column) => `${column} = rollups.${column} || ' ' || excluded.${column}`),
].join(', ')}`

/** Puts the cell in the place of what was there. */
export const replaceCell = (cut: Cut, cell: Cell): Statement => ({
  text: REPLACE,
  values: valuesOfCell(cut, cell),
})

/** Adds to what was there, without a look at it; histograms grow longer for it. */
export const addToCell = (cut: Cut, cell: Cell): Statement => ({ text: ADD, values: valuesOfCell(cut, cell) })

function valuesOfCell(cut: Cut, { size, startsAt, values, tally }: Cell): readonly Value[] {
  const named = (dimension: Dimension): string => values[cut.dimensions.indexOf(dimension)] ?? ''
  return [
    ...[cut.name, size, startsAt, named('account'), named('model'), named('key'), named('outcome')],
    ...[named('session'), named('agent'), tally.requests, tally.succeeded, tally.inputTokens],
    ...[tally.outputTokens, tally.cacheReadTokens, tally.cacheWrite5mTokens, tally.cacheWrite1hTokens],
    ...[tally.costUsd, tally.unpriced, tally.generationMs],
    ...[writeHistogram(tally.latencies), writeHistogram(tally.ttfts)],
  ]
}

export const cellKey = (size: number, startsAt: number, values: readonly string[]): string =>
  `${size} ${startsAt} ${values.join('\n')}`

export const keyOfRow = (cut: Cut, row: Row): string =>
  cellKey(
    numberOf(row, 'size'),
    numberOf(row, 'starts_at'),
    cut.dimensions.map((dimension) => textOf(row, COLUMN_OF[dimension])),
  )

export const toSums = (row: Row): Sums => ({
  requests: numberOf(row, 'requests'),
  succeeded: numberOf(row, 'succeeded'),
  inputTokens: numberOf(row, 'input_tokens'),
  outputTokens: numberOf(row, 'output_tokens'),
  cacheReadTokens: numberOf(row, 'cache_read_tokens'),
  cacheWrite5mTokens: numberOf(row, 'cache_write_5m_tokens'),
  cacheWrite1hTokens: numberOf(row, 'cache_write_1h_tokens'),
  costUsd: numberOf(row, 'cost_usd'),
  unpriced: numberOf(row, 'unpriced'),
})

export function toTally(row: Row): GrowingTally {
  const tally = { ...newTally(), ...toSums(row), generationMs: numberOf(row, 'generation_ms') }
  addWritten(tally.latencies, textOf(row, 'latencies'))
  addWritten(tally.ttfts, textOf(row, 'ttfts'))
  return tally
}

/* The tail holds facts as lists of values: names would be most of their length. */

const toList = (fact: Fact): readonly Value[] => [
  ...[fact.at, fact.account, fact.accountName, fact.model, fact.key, fact.keyName, fact.outcome],
  ...[fact.session, fact.agent, fact.inputTokens, fact.outputTokens, fact.cacheReadTokens],
  ...[fact.cacheWrite5mTokens, fact.cacheWrite1hTokens, fact.costUsd ?? null, fact.durationMs],
  fact.ttftMs ?? null,
]

function fromList(list: readonly Value[]): Fact {
  const text = (at: number): string => String(list[at] ?? '')
  const number = (at: number): number => Number(list[at] ?? 0)
  const optional = (at: number): number | undefined => (list[at] === null ? undefined : Number(list[at]))
  return {
    at: toMillis(number(0)),
    account: text(1),
    accountName: text(2),
    model: text(3),
    key: text(4),
    keyName: text(5),
    outcome: text(6),
    session: text(7),
    agent: text(8),
    inputTokens: number(9),
    outputTokens: number(10),
    cacheReadTokens: number(11),
    cacheWrite5mTokens: number(12),
    cacheWrite1hTokens: number(13),
    costUsd: optional(14),
    durationMs: number(15),
    ttftMs: optional(16),
  }
}

export const writeFacts = (facts: readonly Fact[]): string => JSON.stringify(facts.map(toList))

export function readFacts(text: string): readonly Fact[] {
  const lists: readonly (readonly Value[])[] = JSON.parse(text)
  return lists.map(fromList)
}
