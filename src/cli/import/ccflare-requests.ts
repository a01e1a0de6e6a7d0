/**
 * The request history of better-ccflare and ccflare, in batches: a database may hold
 * millions. Bodies (`request_payloads`) are never read.
 */
import { type Fields, present, readCount, readFlag, readNumber, readText } from './fields.ts'
import type { ImportedRequest } from './imported.ts'
import type { Source } from './source.ts'

const BATCH_ROWS = 1_000
/** Every column that any version had and that is read here. */
const COLUMNS = [
  ...['id', 'timestamp', 'method', 'path', 'account_used', 'status_code', 'success', 'response_time_ms'],
  ...['model', 'prompt_tokens', 'completion_tokens', 'input_tokens', 'output_tokens'],
  ...['cache_read_input_tokens', 'cache_creation_input_tokens', 'cost_usd', 'agent_used'],
]
/** What has no time cannot be put into a ledger; the year 9999 is the last that ISO 8601 writes in four digits. */
const IS_USABLE = `typeof(timestamp) in ('integer', 'real') and timestamp between 1 and 253402300799999`

export function countRequests(source: Source): number {
  const [row] = source.read(`select count(*) as count from requests where ${IS_USABLE}`)
  return readCount(row?.count)
}

/** Can be gone through more than once; `names` leads from the source's account ids to names. */
export const requestsOf = (
  source: Source,
  names: ReadonlyMap<string, string>,
): Iterable<readonly ImportedRequest[]> => ({
  [Symbol.iterator]: () => batches(source, names),
})

function* batches(
  source: Source,
  names: ReadonlyMap<string, string>,
): Generator<readonly ImportedRequest[], void, undefined> {
  const there = source.columnsOf('requests')
  const columns = COLUMNS.filter((column) => there.has(column))
  const text = `select rowid as position, ${columns.join(', ')} from requests
    where rowid > ? and ${IS_USABLE} order by rowid limit ${BATCH_ROWS}`
  let position = Number.MIN_SAFE_INTEGER
  for (;;) {
    const rows = source.read(text, [position])
    if (rows.length > 0) yield rows.map((row) => toRequest(row, names))
    if (rows.length < BATCH_ROWS) return
    position = readNumber(rows.at(-1)?.position) ?? position
  }
}

function toRequest(row: Fields, names: ReadonlyMap<string, string>): ImportedRequest {
  const tokens = tokensOf(row)
  return {
    id: String(row.id),
    startedAt: new Date(readNumber(row.timestamp) ?? 0).toISOString(),
    account: names.get(String(row.account_used)),
    model: readText(row.model),
    status: readNumber(row.status_code),
    isSuccess: readFlag(row.success),
    durationMs: readCount(row.response_time_ms),
    ...tokens,
    ...present({ costUsd: costOf(row, tokens), agent: readText(row.agent_used) }),
    // No query: some clients put keys there.
    path: (readText(row.path) ?? '/').replace(/[?#].*$/s, ''),
    method: readText(row.method) ?? 'POST',
  }
}

type Tokens = Pick<ImportedRequest, 'inputTokens' | 'outputTokens' | 'cacheReadTokens' | 'cacheWriteTokens'>

/** `prompt_tokens` are input and cache together; early versions had nothing else. */
function tokensOf(row: Fields): Tokens {
  const cacheReadTokens = readCount(row.cache_read_input_tokens)
  const cacheWriteTokens = readCount(row.cache_creation_input_tokens)
  const uncached = Math.max(0, readCount(row.prompt_tokens) - cacheReadTokens - cacheWriteTokens)
  return {
    inputTokens: readCount(row.input_tokens) || uncached,
    outputTokens: readCount(row.output_tokens) || readCount(row.completion_tokens),
    cacheReadTokens,
    cacheWriteTokens,
  }
}

/** Those programs write 0 for a model that they have no price for. */
function costOf(row: Fields, tokens: Tokens): number | undefined {
  const cost = readNumber(row.cost_usd)
  const isUsed = Object.values(tokens).some((count) => count > 0)
  return cost === undefined || cost < 0 || (cost === 0 && isUsed) ? undefined : cost
}
