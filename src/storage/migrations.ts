/**
 * The schema, as the steps that led to it: one text for SQLite and PostgreSQL, each step
 * all or nothing. A database that is newer than this program is left alone. Steps that
 * have been released are never edited.
 */
import { GatewayError } from '../core/error.ts'
import { type Database, numberOf, type Statement, statement } from './database.ts'

interface Migration {
  readonly version: number
  readonly statements: readonly string[]
}

const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    statements: [
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
    ],
  },
  {
    version: 2,
    statements: [
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
    ],
  },
  {
    version: 3,
    statements: [
      'alter table accounts add column models_json text',
      'alter table accounts add column max_concurrent integer',
      'alter table client_keys add column rules_json text',
      'alter table bindings add column cache_json text',
    ],
  },
]

const LATEST = MIGRATIONS.at(-1)?.version ?? 0
const FIRST =
  'create table if not exists schema_version (only_row integer primary key, version integer not null)'

/** Brings the schema up to date. Throws GatewayError `unavailable` for a newer one. */
export async function migrate(database: Database): Promise<void> {
  await database.commit([statement(FIRST)], 'full')
  const [row] = await database.load('select version from schema_version')
  const present = row === undefined ? 0 : numberOf(row, 'version')
  if (present > LATEST) {
    throw new GatewayError(
      'unavailable',
      `The database ${database.place} was written by a newer Spillway (schema ${present}; this one knows ${LATEST}). ` +
        'Nothing was changed. Start the newer version, or give this one a data directory of its own.',
    )
  }
  for (const { version, statements } of MIGRATIONS) {
    if (version > present)
      await database.commit([...statements.map((text) => statement(text)), record(version)], 'full')
  }
}

const record = (version: number): Statement =>
  statement(
    'insert into schema_version (only_row, version) values (1, $1) on conflict (only_row) do update set version = excluded.version',
    version,
  )
