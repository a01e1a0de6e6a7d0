/**
 * The accounts' running totals: what a batch of ledger rows adds to each, as statements for
 * the same commit. Own traffic is never in a row, so it never counts (G14).
 */
import type { AccountId } from '../core/account.ts'
import type { LedgerRow } from '../core/ledger.ts'
import type { Totals } from '../core/ports/stores.ts'
import { type Database, numberOf, type Statement, statement, textOf } from './database.ts'

const ADD = `insert into account_totals (account_id, requests, input_tokens, output_tokens, cost_usd)
  values ($1, $2, $3, $4, $5)
  on conflict (account_id) do update set
    requests = account_totals.requests + excluded.requests,
    input_tokens = account_totals.input_tokens + excluded.input_tokens,
    output_tokens = account_totals.output_tokens + excluded.output_tokens,
    cost_usd = account_totals.cost_usd + excluded.cost_usd`

const NO_TOTALS: Totals = { requests: 0, inputTokens: 0, outputTokens: 0, costUsd: 0 }

export function totalsOf(rows: readonly LedgerRow[]): readonly Statement[] {
  const sums = new Map<AccountId, Totals>()
  for (const row of rows) {
    if (row.accountId !== undefined) sums.set(row.accountId, plus(sums.get(row.accountId) ?? NO_TOTALS, row))
  }
  return [...sums].map(([id, sum]) =>
    statement(ADD, id, sum.requests, sum.inputTokens, sum.outputTokens, sum.costUsd),
  )
}

const plus = (sum: Totals, { usage, costUsd }: LedgerRow): Totals => ({
  requests: sum.requests + 1,
  inputTokens: sum.inputTokens + usage.inputTokens,
  outputTokens: sum.outputTokens + usage.outputTokens,
  costUsd: sum.costUsd + (costUsd ?? 0),
})

export async function readTotals(database: Database): Promise<ReadonlyMap<string, Totals>> {
  const rows = await database.read('select * from account_totals')
  return new Map(
    rows.map((row) => [
      textOf(row, 'account_id'),
      {
        requests: numberOf(row, 'requests'),
        inputTokens: numberOf(row, 'input_tokens'),
        outputTokens: numberOf(row, 'output_tokens'),
        costUsd: numberOf(row, 'cost_usd'),
      },
    ]),
  )
}
