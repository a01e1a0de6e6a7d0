/**
 * Reads the ledger for the API: pages, single rows and sums, always in the worker or on
 * PostgreSQL's own connections. Filters are parameters, columns come from this file only.
 */
import type { LedgerRow } from '../core/ledger.ts'
import type { Grouping, RequestFilter, RequestLog, Sums } from '../core/ports/request-log.ts'
import type { Millis } from '../core/time.ts'
import { type Database, numberOf, optionalText, type Row, type Value } from './database.ts'
import { toLedgerRow } from './ledger-rows.ts'
import { readTotals } from './totals.ts'

export function createRequestLog(database: Database, settled: () => Promise<void>): RequestLog {
  const read = async (text: string, values: readonly Value[]): Promise<readonly Row[]> => {
    await settled()
    return database.read(text, values)
  }
  return {
    async list(filter) {
      const { where, values } = toCondition(filter)
      const limit = `$${values.length + 1}`
      const rows = await read(`select * from requests ${where} order by id desc limit ${limit}`, [
        ...values,
        filter.limit,
      ])
      return rows.map(toLedgerRow)
    },
    async get(id): Promise<LedgerRow | undefined> {
      const [row] = await read('select * from requests where id = $1', [id])
      return row === undefined ? undefined : toLedgerRow(row)
    },
    async sums(since) {
      const [row = {}] = await read(
        `select ${SUMS} from requests ${sinceCondition(since)}`,
        sinceValues(since),
      )
      return toSums(row)
    },
    async sumsBy(grouping, since) {
      const rows = await read(groupedSums(grouping, since), sinceValues(since))
      return rows.map((row) => ({ name: optionalText(row, 'name'), ...toSums(row) }))
    },
    async accountTotals() {
      await settled()
      return readTotals(database)
    },
  }
}

/** Accounts and keys are told apart by their ids, and shown by the name that they have now, or had last. */
function groupedSums(grouping: Grouping, since: Millis | undefined): string {
  const where = sinceCondition(since)
  switch (grouping) {
    case 'account':
      return namedSums({ id: 'account_id', name: 'account', table: 'accounts', where })
    case 'key':
      return namedSums({ id: 'key_id', name: 'key_name', table: 'client_keys', where })
    case 'model':
      return `select served_model as name, ${SUMS} from requests ${where} group by served_model order by count(*) desc`
  }
}

const namedSums = ({ id, name, table, where }: Readonly<Record<'id' | 'name' | 'table' | 'where', string>>) =>
  `select coalesce(present.name, latest.${name}) as name, sums.* from (
    select ${id} as owner_id, max(id) as latest_id, ${SUMS} from requests ${where} group by ${id}
  ) sums left join ${table} present on present.id = sums.owner_id
    left join requests latest on latest.id = sums.latest_id order by sums.requests desc`

const USED =
  '(input_tokens + output_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens)'

const SUMS = `count(*) as requests,
  sum(case when outcome = 'ok' then 1 else 0 end) as succeeded,
  sum(input_tokens) as input_tokens, sum(output_tokens) as output_tokens,
  sum(cache_read_tokens) as cache_read_tokens, sum(cache_write_5m_tokens) as cache_write_5m_tokens,
  sum(cache_write_1h_tokens) as cache_write_1h_tokens, sum(cost_usd) as cost_usd,
  sum(case when cost_usd is null and ${USED} > 0 then 1 else 0 end) as unpriced`

const sinceCondition = (since: Millis | undefined): string =>
  since === undefined ? '' : 'where started_at >= $1'
const sinceValues = (since: Millis | undefined): readonly Value[] => (since === undefined ? [] : [since])

const toSums = (row: Row): Sums => ({
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

/** Accounts and keys may be named or given by their id. */
function toCondition(filter: RequestFilter): { readonly where: string; readonly values: readonly Value[] } {
  const parts: readonly (readonly [condition: string, value: Value | undefined])[] = [
    ['(account = ? or account_id = ?)', filter.account],
    ['(model = ? or served_model = ?)', filter.model],
    ['status = ?', filter.status],
    ['outcome = ?', filter.outcome],
    ['(key_name = ? or key_id = ?)', filter.key],
    ['session = ?', filter.session],
    ['started_at >= ?', filter.since],
    ['started_at < ?', filter.until],
    ['id < ?', filter.before],
  ]
  const values: Value[] = []
  const conditions = parts.flatMap(([condition, value]) => {
    if (value === undefined) return []
    values.push(value)
    return [condition.replaceAll('?', `$${values.length}`)]
  })
  return { where: conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`, values }
}
