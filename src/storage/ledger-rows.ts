/**
 * Ledger rows on their way into tables and out of them: one list of columns for both
 * directions. Must not query.
 */
import { toAccountId } from '../core/account.ts'
import { type DecisionRecord, type LedgerRow, OUTCOMES, type Outcome } from '../core/ledger.ts'
import { toMillis } from '../core/time.ts'
import { CACHE_COLUMNS, cacheValuesOf, toCacheFields } from './cache-columns.ts'
import {
  jsonOf,
  numberOf,
  optionalNumber,
  optionalText,
  type Row,
  type Statement,
  textOf,
  type Value,
} from './database.ts'

/** The columns, in the order of `valuesOf`. */
const COLUMNS = [
  ...[
    'id',
    'started_at',
    'method',
    'path',
    'dialect',
    'provider',
    'account_id',
    'account',
    'key_id',
    'key_name',
  ],
  ...[
    'session',
    'agent',
    'model',
    'served_model',
    'stream',
    'status',
    'outcome',
    'attempts_json',
    'decision_json',
  ],
  ...[
    'ttft_ms',
    'duration_ms',
    'input_tokens',
    'output_tokens',
    'cache_read_tokens',
    'cache_write_5m_tokens',
  ],
  ...['cache_write_1h_tokens', 'web_searches', 'usage_complete', 'cost_usd', 'error'],
  ...CACHE_COLUMNS,
] as const

/** Those that the first version wrote. */
export const FIRST_COLUMNS: readonly string[] = COLUMNS.slice(0, 30)

/** What the history counts of a row (core/rollup.ts); the rest stays empty when only these are read. */
export const FACT_COLUMNS = [
  ...['id', 'started_at', 'account_id', 'account', 'key_id', 'key_name', 'session', 'agent', 'served_model'],
  ...['outcome', 'ttft_ms', 'duration_ms', 'input_tokens', 'output_tokens', 'cache_read_tokens'],
  ...['cache_write_5m_tokens', 'cache_write_1h_tokens', 'cost_usd'],
].join(', ')

/** A row as the values of its columns, which is how the journal and the table keep it. */
export function valuesOf(row: LedgerRow): readonly Value[] {
  const { usage } = row
  return [
    row.id,
    row.startedAt,
    row.method,
    row.path,
    row.dialect,
    row.provider ?? null,
    row.accountId ?? null,
    row.account ?? null,
    row.keyId ?? null,
    row.key ?? null,
    row.session ?? null,
    row.agent ?? null,
    row.model ?? null,
    row.servedModel ?? null,
    row.stream ? 1 : 0,
    row.status,
    row.outcome,
    JSON.stringify(row.attempts),
    decisionJson(row.decision),
    row.ttftMs ?? null,
    row.durationMs,
    usage.inputTokens,
    usage.outputTokens,
    usage.cacheReadTokens,
    usage.cacheWrite5mTokens,
    usage.cacheWrite1hTokens,
    usage.webSearches,
    usage.complete ? 1 : 0,
    row.costUsd ?? null,
    row.error ?? null,
    ...cacheValuesOf(row),
  ]
}

/** Most requests share the plain decision of the one before, object and all. */
let lastDecision: DecisionRecord | undefined
let lastJson = ''

function decisionJson(decision: DecisionRecord): string {
  if (decision !== lastDecision) {
    lastDecision = decision
    lastJson = JSON.stringify(decision)
  }
  return lastJson
}

const INSERT =
  `insert into requests (${COLUMNS.join(', ')}) ` +
  `values (${COLUMNS.map((_, index) => `$${index + 1}`).join(', ')})`

/** A line of an older version's journal has nothing in the columns that are new. */
export const insertOf = (values: readonly Value[]): Statement => ({
  text: INSERT,
  values: values.length === COLUMNS.length ? values : COLUMNS.map((_, index): Value => values[index] ?? null),
})

/**
 * What `valuesOf` made, back again, also of an older version: columns are only ever added at
 * the end, and an older row has nothing in those. Undefined when it is of a newer one.
 */
export const fromValues = (values: readonly Value[]): LedgerRow | undefined =>
  values.length < FIRST_COLUMNS.length || values.length > COLUMNS.length
    ? undefined
    : toLedgerRow(Object.fromEntries(COLUMNS.map((column, index) => [column, values[index] ?? null])))

export const toLedgerRow = (row: Row): LedgerRow => {
  const accountId = optionalText(row, 'account_id')
  return {
    id: textOf(row, 'id'),
    startedAt: toMillis(numberOf(row, 'started_at')),
    method: textOf(row, 'method'),
    path: textOf(row, 'path'),
    dialect: textOf(row, 'dialect'),
    provider: optionalText(row, 'provider'),
    accountId: accountId === undefined ? undefined : toAccountId(accountId),
    account: optionalText(row, 'account'),
    keyId: optionalText(row, 'key_id'),
    key: optionalText(row, 'key_name'),
    session: optionalText(row, 'session'),
    agent: optionalText(row, 'agent'),
    model: optionalText(row, 'model'),
    servedModel: optionalText(row, 'served_model'),
    stream: numberOf(row, 'stream') === 1,
    status: numberOf(row, 'status'),
    outcome: toOutcome(textOf(row, 'outcome')),
    attempts: jsonOf<LedgerRow['attempts']>(row, 'attempts_json', []),
    decision: jsonOf<DecisionRecord>(row, 'decision_json', { strategy: '', candidates: [] }),
    ttftMs: optionalNumber(row, 'ttft_ms'),
    durationMs: numberOf(row, 'duration_ms'),
    usage: {
      inputTokens: numberOf(row, 'input_tokens'),
      outputTokens: numberOf(row, 'output_tokens'),
      cacheReadTokens: numberOf(row, 'cache_read_tokens'),
      cacheWrite5mTokens: numberOf(row, 'cache_write_5m_tokens'),
      cacheWrite1hTokens: numberOf(row, 'cache_write_1h_tokens'),
      webSearches: numberOf(row, 'web_searches'),
      speed: undefined,
      region: undefined,
      batch: false,
      complete: numberOf(row, 'usage_complete') === 1,
    },
    costUsd: optionalNumber(row, 'cost_usd'),
    error: optionalText(row, 'error'),
    ...toCacheFields(row),
  }
}

const toOutcome = (text: string): Outcome => OUTCOMES.find((outcome) => outcome === text) ?? 'upstream-error'
