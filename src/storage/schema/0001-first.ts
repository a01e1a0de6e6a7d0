/** Schema 1, the first schema: accounts, keys, settings, bindings, owners and the ledger. Released: never edited. */
export const SCHEMA_1: readonly string[] = [
  `create table accounts (
    id text primary key, name text not null unique, provider text not null, base_url text,
    priority integer not null, weight double precision not null, tier double precision not null,
    groups_json text not null, model_map_json text not null, secret text not null,
    paused_at bigint, created_at bigint not null)`,
  `create table account_totals (
    account_id text primary key, requests bigint not null, input_tokens bigint not null,
    output_tokens bigint not null, cost_usd double precision not null)`,
  `create table account_health (
    account_id text primary key, cooldowns_json text, windows_json text,
    session_started_at bigint, session_requests bigint)`,
  `create table client_keys (
    id text primary key, name text not null unique, digest text not null unique, hint text not null,
    created_at bigint not null, disabled_at bigint, revoked_at bigint)`,
  'create table settings (name text primary key, value_json text not null)',
  'create table meta (name text primary key, value text not null)',
  `create table bindings (
    conversation text primary key, account_id text not null, spill_id text,
    bound_at bigint not null, used_at bigint not null)`,
  'create table owners (resource text primary key, account_id text not null, created_at bigint not null)',
  `create table requests (
    id text primary key, started_at bigint not null, method text not null, path text not null,
    dialect text not null, provider text, account_id text, account text, key_id text, key_name text,
    session text, agent text, model text, served_model text, stream integer not null,
    status integer not null, outcome text not null, attempts_json text not null, decision_json text not null,
    ttft_ms integer, duration_ms bigint not null, input_tokens bigint not null, output_tokens bigint not null,
    cache_read_tokens bigint not null, cache_write_5m_tokens bigint not null,
    cache_write_1h_tokens bigint not null, web_searches integer not null, usage_complete integer not null,
    cost_usd double precision, error text)`,
  'create index requests_by_time on requests (started_at)',
  'create index requests_by_session on requests (session, started_at)',
]
