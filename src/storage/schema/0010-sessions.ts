/** Schema 10, sessions, agents and cache misses as running sums, and pins. Released: never edited. */
export const SCHEMA_10: readonly string[] = [
  `create table sessions (
    session text primary key, first_at bigint not null, used_at bigint not null, account_id text, account text,
    key_id text, key_name text, requests bigint not null, input_tokens bigint not null,
    output_tokens bigint not null, cache_read_tokens bigint not null, cache_write_tokens bigint not null,
    cost_usd double precision not null, cache_hits bigint not null, missed_account bigint not null,
    missed_expired bigint not null, missed_prefix bigint not null, missed_model bigint not null,
    missed_unknown bigint not null, lost_tokens bigint not null, lost_usd double precision not null)`,
  'create index sessions_by_use on sessions (used_at, session)',
  'create index sessions_by_account on sessions (account_id, used_at, session)',
  'create index sessions_by_key on sessions (key_id, used_at, session)',
  `create table session_agents (
    session text not null, agent text not null, kind text not null, model text not null, served_model text not null,
    first_at bigint not null, used_at bigint not null, requests bigint not null, tokens bigint not null,
    cost_usd double precision not null, primary key (session, agent, kind, model, served_model))`,
  'create index session_agents_by_agent on session_agents (agent, session)',
  `create table agent_totals (
    kind text not null, model text not null, served_model text not null, first_at bigint not null,
    used_at bigint not null, requests bigint not null, tokens bigint not null, cost_usd double precision not null,
    primary key (kind, model, served_model))`,
  `create table cache_miss_hours (
    hour bigint not null, cause text not null, part text not null, misses bigint not null, tokens bigint not null,
    usd double precision not null, primary key (hour, cause, part))`,
  'create table session_pins (session text primary key, account_id text not null, pinned_at bigint not null)',
]
