/** Schema 9, why a prompt cache was not read, and which kind of agent asked; only misses are in its index. Released: never edited. */
export const SCHEMA_9: readonly string[] = [
  'alter table requests add column agent_kind text',
  'alter table requests add column cache_verdict text',
  'alter table requests add column cache_cause text',
  'alter table requests add column cache_part text',
  'alter table requests add column cache_lost_tokens bigint',
  'alter table requests add column cache_lost_usd double precision',
  `create index requests_by_cache_miss on requests (started_at, cache_cause, cache_part, cache_lost_tokens,
    cache_lost_usd) where cache_cause is not null`,
]
