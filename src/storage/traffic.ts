/** What traffic there was, summed up by slices of five minutes from the ledger; always in the worker. */
import type { TrafficSlice } from '../core/alerts/traffic.ts'
import { SLICE_MS } from '../core/alerts/traffic.ts'
import type { TrafficHistory } from '../core/ports/alerts.ts'
import { HOUR, toMillis } from '../core/time.ts'
import { type Database, numberOf, optionalText, type Row } from './database.ts'

/** A request counts when it ended, and none lasts longer than that. */
const LONGEST_REQUEST_MS = 2 * HOUR

const ENDED = '(started_at + duration_ms)'
/** A client's own mistake, and one that left, say nothing of the pool. */
const COUNTED = "(case when outcome in ('client-error', 'aborted') then 0 else 1 end)"
const FAILED = "(case when outcome in ('upstream-error', 'refused', 'truncated') then 1 else 0 end)"
const PROMPT = '(input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens)'

const SLICES = `select ${ENDED} / ${SLICE_MS} as slice, account_id, key_id, served_model,
    sum(${COUNTED}) as requests, sum(${FAILED}) as failed, sum(coalesce(cost_usd, 0)) as cost_usd,
    sum(${PROMPT}) as prompt_tokens, sum(cache_read_tokens) as cache_read_tokens
  from requests where started_at >= $1 and started_at < $2 and ${ENDED} >= $3 and ${ENDED} < $4
  group by 1, 2, 3, 4 order by 1`

export const createTrafficHistory = (database: Database, settled: () => Promise<void>): TrafficHistory => ({
  async slices(since, until) {
    await settled()
    const rows = await database.read(SLICES, [since - LONGEST_REQUEST_MS, until, since, until])
    return rows.map(toSlice)
  },
})

const toSlice = (row: Row): TrafficSlice => ({
  at: toMillis(numberOf(row, 'slice') * SLICE_MS),
  account: optionalText(row, 'account_id'),
  key: optionalText(row, 'key_id'),
  model: optionalText(row, 'served_model'),
  requests: numberOf(row, 'requests'),
  failed: numberOf(row, 'failed'),
  costUsd: numberOf(row, 'cost_usd'),
  promptTokens: numberOf(row, 'prompt_tokens'),
  cacheReadTokens: numberOf(row, 'cache_read_tokens'),
})
