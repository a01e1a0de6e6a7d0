/**
 * Sums out of the ledger's own rows: while the history does not have all of them yet. Slow on
 * a large ledger, and right.
 */
import type { Grouping } from '../core/ports/request-log.ts'
import type { Sums } from '../core/tally.ts'
import type { Millis } from '../core/time.ts'
import { type Database, optionalText, type Value } from './database.ts'
import { toSums } from './rollup-cells.ts'

const USED =
  '(input_tokens + output_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens)'

/** The sums' columns, as the history calls them. */
export const LEDGER_SUMS = `count(*) as requests,
  sum(case when outcome = 'ok' then 1 else 0 end) as succeeded,
  sum(input_tokens) as input_tokens, sum(output_tokens) as output_tokens,
  sum(cache_read_tokens) as cache_read_tokens, sum(cache_write_5m_tokens) as cache_write_5m_tokens,
  sum(cache_write_1h_tokens) as cache_write_1h_tokens, sum(coalesce(cost_usd, 0)) as cost_usd,
  sum(case when cost_usd is null and ${USED} > 0 then 1 else 0 end) as unpriced`

export async function sumLedger(database: Database, since: Millis | undefined): Promise<Sums> {
  const text = `select ${LEDGER_SUMS} from requests ${sinceCondition(since)}`
  const [row = {}] = await database.read(text, sinceValues(since))
  return toSums(row)
}

export async function sumLedgerBy(
  database: Database,
  grouping: Grouping,
  since: Millis | undefined,
): Promise<readonly (Sums & { readonly name: string | undefined })[]> {
  const rows = await database.read(groupedSums(grouping, since), sinceValues(since))
  return rows.map((row) => ({ name: optionalText(row, 'name'), ...toSums(row) }))
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
      return `select served_model as name, ${LEDGER_SUMS} from requests ${where} group by served_model order by count(*) desc`
  }
}

const namedSums = ({ id, name, table, where }: Readonly<Record<'id' | 'name' | 'table' | 'where', string>>) =>
  `select coalesce(present.name, latest.${name}) as name, sums.* from (
    select ${id} as owner_id, max(id) as latest_id, ${LEDGER_SUMS} from requests ${where} group by ${id}
  ) sums left join ${table} present on present.id = sums.owner_id
    left join requests latest on latest.id = sums.latest_id order by sums.requests desc`

const sinceCondition = (since: Millis | undefined): string =>
  since === undefined ? '' : 'where started_at >= $1'
const sinceValues = (since: Millis | undefined): readonly Value[] => (since === undefined ? [] : [since])
