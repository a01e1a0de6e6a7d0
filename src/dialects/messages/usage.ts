/**
 * Reads token counts out of Anthropic answers, whole or streamed (`wire.md` §1.4–1.5).
 * Counts in a stream are cumulative: later ones replace earlier ones, and only where they
 * are numbers. Unknown shapes are passed over; nothing here throws.
 */
import { NO_USAGE, type Usage } from '../../core/usage.ts'

/** What the `usage` object of an answer says; where it is silent, what was known before stays. */
export function readUsage(value: unknown, known: Usage = NO_USAGE): Usage {
  if (!isObject(value)) return known
  const writes = readCacheWrites(value, known)
  const tools = isObject(value.server_tool_use) ? value.server_tool_use : {}
  return {
    inputTokens: count(value.input_tokens) ?? known.inputTokens,
    outputTokens: count(value.output_tokens) ?? known.outputTokens,
    cacheReadTokens: count(value.cache_read_input_tokens) ?? known.cacheReadTokens,
    cacheWrite5mTokens: writes.short,
    cacheWrite1hTokens: writes.long,
    webSearches: count(tools.web_search_requests) ?? known.webSearches,
    speed: value.speed === 'fast' ? 'fast' : known.speed,
    region: value.inference_geo === 'us' ? 'us' : known.region,
    batch: value.service_tier === 'batch' || known.batch,
    complete: known.complete,
  }
}

/** Compactions are billed, but left out of the totals (`wire.md` §1.4); `value` as for `readUsage`. */
export function withCompactions(usage: Usage, value: unknown): Usage {
  const iterations = namesIterations(value) ? value.iterations.filter(isObject) : []
  return iterations
    .filter(({ type }) => type === 'compaction')
    .map((compaction) => readUsage(compaction))
    .reduce(plus, usage)
}

export const namesIterations = (value: unknown): value is { readonly iterations: readonly unknown[] } =>
  isObject(value) && Array.isArray(value.iterations)

const plus = (usage: Usage, more: Usage): Usage => ({
  ...usage,
  inputTokens: usage.inputTokens + more.inputTokens,
  outputTokens: usage.outputTokens + more.outputTokens,
  cacheReadTokens: usage.cacheReadTokens + more.cacheReadTokens,
  cacheWrite5mTokens: usage.cacheWrite5mTokens + more.cacheWrite5mTokens,
  cacheWrite1hTokens: usage.cacheWrite1hTokens + more.cacheWrite1hTokens,
})

/** `message_delta` repeats the sum without its split, so a known split of that sum is kept. */
function readCacheWrites(value: Fields, known: Usage): { readonly short: number; readonly long: number } {
  const split = isObject(value.cache_creation) ? value.cache_creation : {}
  const short = count(split.ephemeral_5m_input_tokens)
  const long = count(split.ephemeral_1h_input_tokens)
  if (short !== undefined || long !== undefined) return { short: short ?? 0, long: long ?? 0 }
  const sum = count(value.cache_creation_input_tokens)
  if (sum === undefined || sum === known.cacheWrite5mTokens + known.cacheWrite1hTokens) {
    return { short: known.cacheWrite5mTokens, long: known.cacheWrite1hTokens }
  }
  return { short: Math.max(0, sum - known.cacheWrite1hTokens), long: Math.min(sum, known.cacheWrite1hTokens) }
}

type Fields = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const count = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined
