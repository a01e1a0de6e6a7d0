/** The schema: made, brought up to date, refused when newer, and never half of either. */
import { describe, expect, it } from 'bun:test'
import { join } from 'node:path'
import { databases } from '../../test/support/databases.ts'
import { rowsIn } from '../../test/support/ledgers.ts'
import {
  idOf,
  manualClock,
  memoryLog,
  NOON,
  sampleAccount,
  sampleCooldown,
  sampleKey,
  sampleRow,
} from '../../test/support/samples.ts'
import { toSealedSecret } from '../core/account.ts'
import type { Window } from '../core/limits.ts'
import { CACHE_LIFE_MS } from '../core/session.ts'
import { HOUR, later } from '../core/time.ts'
import { type Database, numberOf, type Statement, statement } from './database.ts'
import { insertOf, valuesOf } from './ledger-rows.ts'
import { migrate } from './migrations.ts'
import { openSettings, readMeta } from './settings.ts'
import { openStorage } from './storage.ts'

const LATEST = 3

const TABLES = [
  'account_events',
  'account_health',
  'account_totals',
  'accounts',
  'bindings',
  'client_keys',
  'meta',
  'owners',
  'requests',
  'schema_version',
  'settings',
  'window_readings',
]

describe.each(await databases())('the schema on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  it('is made whole in an empty database', async () => {
    const database = await its.open()
    expect(await tablesOf(database)).toEqual(TABLES)
    expect(await versionOf(database)).toBe(LATEST)
  })

  it('is left as it is, with everything in it, when it is up to date', async () => {
    const database = await its.open()
    await database.commit([statement("insert into settings (name, value_json) values ('a', '1')")], 'full')
    await migrate(database)
    const again = await its.reopen()
    expect(await tablesOf(again)).toEqual(TABLES)
    const settings = await again.load('select name from settings')
    expect(settings.map(({ name }) => name)).toEqual(['a'])
  })

  it('is refused when a newer Spillway wrote it, and is not touched', async () => {
    const database = await its.open()
    await database.commit([statement('update schema_version set version = 9')], 'full')
    const refusal = migrate(database)
    await expect(refusal).rejects.toMatchObject({ code: 'unavailable' })
    await expect(refusal).rejects.toThrow(database.place)
    await expect(refusal).rejects.toThrow(`newer Spillway (schema 9; this one knows ${LATEST})`)
    expect(await versionOf(database)).toBe(9)
    expect(await tablesOf(database)).toEqual(TABLES)
  })

  it('is not there at all when a step fails in its middle, and comes whole at the next try', async () => {
    const database = await its.openAsIs()
    const intruder = 'create table owners (somebody_elses text)'
    await database.commit([statement(intruder)], 'full')
    await expect(migrate(database)).rejects.toThrow(/owners/)
    expect(await tablesOf(database)).toEqual(['owners', 'schema_version'])
    expect(await database.load('select version from schema_version')).toHaveLength(0)

    await database.commit([statement('drop table owners')], 'full')
    await migrate(database)
    expect(await tablesOf(database)).toEqual(TABLES)
  })

  it('keeps the error of the step that failed', async () => {
    const database = await its.openAsIs()
    await database.commit([statement('create table accounts (id text)')], 'full')
    await expect(migrate(database)).rejects.toThrow(/accounts.*exists/)
  })
})

describe.each(await databases())('a database of schema 1 on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  it('is brought to the present schema with everything in it', async () => {
    await fill(await its.openAsIs())
    const database = await its.reopen()
    expect([await versionOf(database), await tablesOf(database)]).toEqual([LATEST, TABLES])
    const storage = await openAll(database, its.directory)
    expect(storage.accounts.all()).toEqual([OLD_ACCOUNT])
    expect(storage.keys.all()).toEqual([sampleKey('laptop')])
    expect(storage.health.load().get(idOf('a'))).toEqual({
      cooldowns: [sampleCooldown()],
      windows: [FIVE_HOURS],
      session: { startedAt: NOON, requests: 3 },
      login: undefined,
      standing: {},
    })
    expect(storage.bindings.get('talk')).toEqual({
      account: idOf('a'),
      spill: idOf('b'),
      boundAt: NOON,
      usedAt: NOON,
      organization: undefined,
      cache: { lifeMs: CACHE_LIFE_MS, tokens: 0, touchedAt: NOON, spillTokens: 0, paidUsd: 0 },
    })
    expect(storage.owners.ownerOf('file_1')).toEqual({ account: idOf('a'), organization: undefined })
    expect(await rowsIn(database)).toEqual([sampleRow(1)])
    expect((await storage.requests.accountTotals()).get(idOf('a'))).toMatchObject({ requests: 1 })
    expect((await openSettings(database)).all()).toEqual(new Map([['strategy', 'session']]))
    expect(await readMeta(database, 'fact')).toBe('one')
    expect(storage.terms.acceptedAt).toBeUndefined()
    await storage.close()
  })

  it('is of use then: what is new in schema 2 can be written and read', async () => {
    await fill(await its.openAsIs())
    const storage = await openAll(await its.reopen(), its.directory)
    const credential = {
      secret: toSealedSecret('v1.new'),
      refreshSecret: toSealedSecret('v1.refresh'),
      tokenExpiresAt: later(NOON, HOUR),
    }
    const terms = { holder: 'one', now: NOON, until: later(NOON, HOUR) }
    expect(await storage.credentials.claim(idOf('a'), 1, terms)).toEqual({
      kind: 'claimed',
      isInDoubt: false,
    })
    expect(await storage.credentials.replace(idOf('a'), 1, credential)).toMatchObject({
      credentialVersion: 2,
    })
    await storage.accounts.change(idOf('a'), { planOnly: true, network: toSealedSecret('v1.network') })
    storage.health.saveLogin(idOf('a'), { since: NOON, reason: 'gone' })
    storage.health.saveStanding(idOf('a'), { plan: 'claude_max' })
    storage.owners.put('file_1', { account: idOf('a'), organization: 'acme' })
    storage.events.add(idOf('a'), { at: NOON, kind: 'paused' })
    storage.readings.add(idOf('a'), [{ name: '5h', utilization: 0.5, readAt: NOON }])
    await storage.terms.accept(NOON)
    await storage.close()
    const again = await openAll(await its.reopen(), its.directory)
    expect(again.accounts.all()).toEqual([
      {
        ...OLD_ACCOUNT,
        ...credential,
        credentialVersion: 2,
        planOnly: true,
        network: toSealedSecret('v1.network'),
      },
    ])
    expect(again.health.load().get(idOf('a'))).toMatchObject({
      cooldowns: [sampleCooldown()],
      login: { since: NOON, reason: 'gone' },
      standing: { plan: 'claude_max' },
    })
    expect(again.owners.ownerOf('file_1')).toEqual({ account: idOf('a'), organization: 'acme' })
    expect(await again.events.list(idOf('a'), { limit: 9 })).toMatchObject([{ at: NOON, kind: 'paused' }])
    expect(await again.readings.list({ since: NOON, until: NOON, limit: 9 })).toHaveLength(1)
    expect(again.terms.acceptedAt).toBe(NOON)
    await again.close()
  })
})

describe.each(await databases())('a database of schema 2 on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  it('keeps its accounts’ model maps, each with one name, and lets them have more', async () => {
    const old = await its.openAsIs()
    await fill(old)
    await old.commit(
      STEP_2.map((text) => statement(text)),
      'full',
    )
    const map = '[["claude-sonnet-5-5","glm-5.3"],["a=b","it\'s"],["*","glm-4.7"]]'
    await old.commit([statement('update accounts set model_map_json = $1', map)], 'full')
    const before = {
      ...OLD_ACCOUNT,
      planOnly: true,
      modelMap: new Map([
        ['claude-sonnet-5-5', ['glm-5.3']],
        ['a=b', ["it's"]],
        ['*', ['glm-4.7']],
      ]),
    }
    const database = await its.reopen()
    expect(await versionOf(database)).toBe(LATEST)
    const storage = await openAll(database, its.directory)
    expect(storage.accounts.all()).toEqual([before])
    const change = { modelMap: new Map([['opus', ['a', 'b']]]), models: ['a', 'b'], maxConcurrent: 10_000 }
    await storage.accounts.change(idOf('a'), change)
    await storage.close()
    const again = await openAll(await its.reopen(), its.directory)
    expect(again.accounts.all()).toEqual([{ ...before, ...change }])
    await again.close()
  })
})

const FIVE_HOURS: Window = { name: '5h', utilization: 0.4, readAt: NOON }
const OLD_ACCOUNT = sampleAccount('a', {
  baseUrl: 'https://llm.example',
  priority: 2,
  weight: 0.5,
  tier: 20,
  groups: ['work'],
  modelMap: new Map([['fast', ['glm-5']]]),
  pausedAt: NOON,
})

const openAll = async (database: Database, directory: string) =>
  openStorage({
    database,
    journalFile: join(directory, 'ledger.journal'),
    rescueFile: join(directory, 'credentials.journal'),
    newId: () => Bun.randomUUIDv7(),
    clock: manualClock(),
    log: memoryLog(),
    sessionMs: 5 * HOUR,
    onAccounts: () => {},
  })

/** The schema as it was released first; never edited, as its step is not. */
const SCHEMA_1: readonly string[] = [
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
  'create table schema_version (only_row integer primary key, version integer not null)',
]

/** What schema 2 made of it, and an account that was changed under it. */
const STEP_2: readonly string[] = [
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
  'update schema_version set version = 2',
  'update accounts set plan_only = 1',
]

/** A row in each table, as a gateway of schema 1 left them. */
const ROWS_1: readonly Statement[] = [
  statement('insert into schema_version (only_row, version) values (1, 1)'),
  statement(
    `insert into accounts (id, name, provider, base_url, priority, weight, tier, groups_json, model_map_json,
      secret, paused_at, created_at) values ($1, 'a', 'console', 'https://llm.example', 2, 0.5, 20, '["work"]',
      '[["fast","glm-5"]]', 'v1.sealed-a', $2, $3)`,
    ...[idOf('a'), NOON, NOON],
  ),
  statement('insert into account_totals values ($1, 1, 10, 5, 0.25)', idOf('a')),
  statement(
    'insert into account_health values ($1, $2, $3, $4, 3)',
    ...[idOf('a'), JSON.stringify([sampleCooldown()]), JSON.stringify([FIVE_HOURS]), NOON],
  ),
  statement(
    "insert into client_keys values ('id-laptop', 'laptop', 'digest-laptop', 'ptop', $1, null, null)",
    NOON,
  ),
  statement("insert into settings values ('strategy', '\"session\"')"),
  statement("insert into meta values ('fact', 'one')"),
  statement("insert into bindings values ('talk', $1, $2, $3, $4)", ...[idOf('a'), idOf('b'), NOON, NOON]),
  statement("insert into owners values ('file_1', $1, $2)", ...[idOf('a'), NOON]),
  insertOf(valuesOf(sampleRow(1))),
]

async function fill(database: Database): Promise<void> {
  await database.commit([...SCHEMA_1.map((text) => statement(text)), ...ROWS_1], 'full')
}

async function tablesOf(database: Database): Promise<readonly unknown[]> {
  const text =
    database.kind === 'sqlite'
      ? "select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name"
      : "select tablename as name from pg_tables where schemaname = 'public' order by tablename"
  const rows = await database.load(text)
  return rows.map(({ name }) => name)
}

async function versionOf(database: Database): Promise<number> {
  const [row = {}] = await database.load('select version from schema_version')
  return numberOf(row, 'version')
}
