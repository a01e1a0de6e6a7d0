/**
 * The ledger's columns about the kind of agent and the prompt cache, on their way in and out.
 * Narrow columns and no JSON: misses are summed by them. Must not query.
 */
import { type CacheVerdict, MISS_CAUSES } from '../core/cache-miss.ts'
import type { LedgerRow } from '../core/ledger.ts'
import { numberOf, optionalNumber, optionalText, type Row, type Value } from './database.ts'

export const CACHE_COLUMNS = [
  'agent_kind',
  'cache_verdict',
  'cache_cause',
  'cache_part',
  'cache_lost_tokens',
  'cache_lost_usd',
] as const

export function cacheValuesOf({ agentKind, cache }: LedgerRow): readonly Value[] {
  const miss = cache?.kind === 'miss' ? cache : undefined
  return [
    agentKind ?? null,
    cache?.kind ?? null,
    miss?.cause ?? null,
    miss?.part ?? null,
    miss?.tokens ?? null,
    miss?.usd ?? null,
  ]
}

export const toCacheFields = (row: Row): Pick<LedgerRow, 'agentKind' | 'cache'> => ({
  agentKind: optionalText(row, 'agent_kind'),
  cache: toVerdict(row),
})

function toVerdict(row: Row): CacheVerdict | undefined {
  const verdict = optionalText(row, 'cache_verdict')
  if (verdict === 'hit' || verdict === 'first') return { kind: verdict }
  const named = optionalText(row, 'cache_cause')
  const cause = MISS_CAUSES.find((each) => each === named)
  if (verdict !== 'miss' || cause === undefined) return undefined
  const part = optionalText(row, 'cache_part')
  const usd = optionalNumber(row, 'cache_lost_usd')
  return {
    kind: 'miss',
    cause,
    ...(part === undefined ? {} : { part }),
    tokens: numberOf(row, 'cache_lost_tokens'),
    ...(usd === undefined ? {} : { usd }),
  }
}
