/** Schema 4, sums beside the ledger: cells, what waits to be added to them, and what things were called. */
export const SCHEMA_4: readonly string[] = [
  `create table rollups (
    cut text not null, size integer not null, starts_at bigint not null,
    account text not null, model text not null, client_key text not null, outcome text not null,
    session text not null, agent text not null,
    requests bigint not null, succeeded bigint not null, input_tokens bigint not null,
    output_tokens bigint not null, cache_read_tokens bigint not null, cache_write_5m_tokens bigint not null,
    cache_write_1h_tokens bigint not null, cost_usd double precision not null, unpriced bigint not null,
    generation_ms bigint not null, latencies text not null, ttfts text not null,
    primary key (cut, size, starts_at, session, account, model, client_key, outcome, agent))`,
  'create table rollup_tail (seq bigint primary key, facts_json text not null)',
  'create table rollup_marks (name text primary key, value bigint not null)',
  `create table rollup_names (
    kind text not null, id text not null, name text not null, at bigint not null, primary key (kind, id))`,
  // Rows that are there already are brought in by and by: those up to this id.
  'create table rollup_old (only_row integer primary key, to_id text not null, at_id text not null)',
  "insert into rollup_old (only_row, to_id, at_id) select 1, max(id), '' from requests having count(*) > 0",
]
