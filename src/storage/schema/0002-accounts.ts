/** Schema 2, what keeps accounts usable: tokens that are renewed, standings, events, readings of windows. Released: never edited. */
export const SCHEMA_2: readonly string[] = [
  'alter table accounts add column refresh_secret text',
  'alter table accounts add column token_expires_at bigint',
  'alter table accounts add column credential_version bigint not null default 1',
  'alter table accounts add column plan_only integer not null default 0',
  'alter table accounts add column network text',
  'alter table accounts add column refresh_holder text',
  'alter table accounts add column refresh_until bigint',
  'alter table account_health add column login_json text',
  'alter table account_health add column standing_json text',
  'alter table owners add column organization text',
  `create table account_events (
    id text primary key, account_id text not null, at bigint not null, kind text not null,
    scope text, cause text, evidence text, until bigint)`,
  'create index account_events_by_account on account_events (account_id, id)',
  `create table window_readings (
    account_id text not null, window_name text not null, at bigint not null,
    utilization double precision, resets_at bigint, status text, primary key (account_id, window_name, at))`,
  'create index window_readings_by_time on window_readings (at)',
]
