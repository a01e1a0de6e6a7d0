/**
 * Databases as the versions of ccflare and better-ccflare made them: accounts, history, and
 * what is said of what cannot be taken over.
 */
import { Database as Sqlite } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CommandError } from '../shell.ts'
import { readBetterCcflare, readCcflare } from './ccflare.ts'
import type { Imported, ImportedAccount, ImportedRequest } from './imported.ts'

const HOUR_MS = 3_600_000
const NOON = Date.UTC(2026, 10, 25, 12)

/** ccflare's first tables: no pause, no priority, no endpoint; a row needs a refresh token. */
const FIRST = [
  `create table accounts (id text primary key, name text not null, provider text default 'anthropic', api_key text,
    refresh_token text not null, access_token text, expires_at integer, created_at integer not null,
    last_used integer, request_count integer default 0, total_requests integer default 0,
    account_tier integer default 1)`,
  `create table requests (id text primary key, timestamp integer not null, method text not null, path text not null,
    account_used text, status_code integer, success boolean, error_message text, response_time_ms integer,
    failover_attempts integer default 0)`,
]

const ACCOUNT_COLUMNS = `id text primary key, name text not null, api_key text, refresh_token text, access_token text,
  expires_at integer, created_at integer not null, last_used integer, paused integer default 0`
const REQUEST_COLUMNS = `id text primary key, timestamp integer not null, method text not null, path text not null,
  account_used text, status_code integer, success boolean, error_message text, response_time_ms integer,
  failover_attempts integer default 0, model text, prompt_tokens integer default 0,
  completion_tokens integer default 0, total_tokens integer default 0, cost_usd real default 0,
  input_tokens integer default 0, cache_read_input_tokens integer default 0,
  cache_creation_input_tokens integer default 0, output_tokens integer default 0`

/** ccflare's second shape: the way of signing in and the address have columns of their own. */
const SECOND = [
  `create table accounts (${ACCOUNT_COLUMNS}, provider text not null, auth_method text not null, base_url text,
    weight integer not null default 1)`,
  `create table requests (${REQUEST_COLUMNS}, provider text not null default '', upstream_path text not null default '',
    reasoning_tokens integer default 0, client_session_id text, ttft_ms integer)`,
  'create table request_payloads (id text primary key, json text not null)',
]

/** better-ccflare as it is today, with a column that nobody knows yet. */
const LATEST = [
  `create table accounts (${ACCOUNT_COLUMNS}, provider text default 'anthropic', priority integer default 0,
    custom_endpoint text, model_mappings text, model_fallbacks text, cross_region_mode text default 'geographic',
    auto_pause_on_overage_enabled integer default 0, pause_reason text, billing_type text, of_tomorrow blob)`,
  `create table requests (${REQUEST_COLUMNS}, agent_used text, api_key_id text, api_key_name text, project text,
    billing_type text default 'api', combo_name text)`,
  'create table request_payloads (id text primary key, json text not null, timestamp integer)',
  'create table api_keys (id text primary key, name text, hashed_key text)',
]

type Cells = Readonly<Record<string, string | number | null>>

let directory: string
let file: string
let opened: Imported[]
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spillway-ccflare-'))
  file = join(directory, 'better-ccflare.db')
  opened = []
})
afterEach(() => {
  for (const each of opened) each.close()
  rmSync(directory, { recursive: true, force: true })
})

describe('a database of the latest better-ccflare', () => {
  it('gives its subscriptions with their tokens, priorities and pauses', () => {
    create(LATEST, [
      login({
        name: 'work',
        priority: 3,
        paused: 1,
        pause_reason: 'manual',
        auto_pause_on_overage_enabled: 1,
      }),
      login({ name: 'home', priority: 0, expires_at: null, access_token: null }),
    ])
    const { accounts, notes } = read()
    expect(notes).toEqual([expect.stringContaining('Stop better-ccflare before Spillway uses work, home')])
    expect(accounts).toEqual([
      {
        name: 'work',
        provider: 'claude-oauth',
        accessToken: 'CANARY-access',
        refreshToken: 'CANARY-refresh',
        tokenExpiresAt: '2026-11-25T13:00:00.000Z',
        priority: 3,
        isPaused: true,
        planOnly: true,
      },
      { name: 'home', provider: 'claude-oauth', refreshToken: 'CANARY-refresh', priority: 0 },
    ])
  })

  it.each([
    ['claude-console-api', null, { provider: 'console' }],
    [
      'claude-console-api',
      'https://eu.example.com/',
      { provider: 'console', baseUrl: 'https://eu.example.com' },
    ],
    ['zai', null, { provider: 'zai' }],
    ['minimax', null, { provider: 'minimax' }],
    ['nanogpt', null, { provider: 'nanogpt' }],
    [
      'openrouter',
      'https://openrouter.ai/api/v1',
      { provider: 'openrouter', baseUrl: 'https://openrouter.ai/api' },
    ],
    [
      'anthropic-compatible',
      'https://x.example',
      { provider: 'anthropic-compatible', baseUrl: 'https://x.example' },
    ],
    [
      'anthropic-compatible',
      null,
      { provider: 'anthropic-compatible', baseUrl: 'https://api.anthropic.com' },
    ],
    [
      'openai-compatible',
      '{"endpoint":"https://x.example/v1"}',
      { provider: 'openai-compatible', baseUrl: 'https://x.example' },
    ],
    ['openai-compatible', null, { provider: 'openai-compatible', baseUrl: 'https://api.openai.com' }],
    ['alibaba-coding-plan', null, { provider: 'alibaba-plan' }],
  ])('gives keys of %s at %p', (provider, custom_endpoint, account) => {
    create(LATEST, [row({ provider, custom_endpoint, api_key: 'CANARY-key' })])
    expect(read().accounts).toEqual([{ name: 'name', priority: 0, apiKey: 'CANARY-key', ...account }])
  })

  it('gives local endpoints, which need no key', () => {
    create(LATEST, [
      row({ name: 'here', provider: 'ollama' }),
      row({ name: 'there', provider: 'anthropic-compatible', custom_endpoint: 'http://10.0.0.5:8000' }),
    ])
    expect(read().accounts.map(({ baseUrl, apiKey, skipped }) => ({ baseUrl, apiKey, skipped }))).toEqual([
      { baseUrl: undefined, apiKey: undefined, skipped: undefined },
      { baseUrl: 'http://10.0.0.5:8000', apiKey: undefined, skipped: undefined },
    ])
  })

  it('gives rules for models, and says what of them Spillway does otherwise', () => {
    const model_mappings = '{"claude-opus-5":"glm-5.3","opus":["glm-5.2","glm-4.7"],"custom":"glm-4.5"}'
    const model_fallbacks = '{"opus":"glm-4.5"}'
    create(LATEST, [row({ provider: 'zai', api_key: 'CANARY-key', model_mappings, model_fallbacks })])
    const { accounts, notes } = read()
    expect(accounts[0]).toMatchObject({
      modelMap: { 'claude-opus-5': ['glm-5.3'], opus: ['glm-5.2', 'glm-4.7'] },
    })
    expect(notes).toEqual([
      expect.stringContaining('name maps models of no known family to glm-4.5.'),
      expect.stringContaining('name names models to fall back to for all others.'),
    ])
  })

  it('says that rules cannot be read, and takes the account', () => {
    create(LATEST, [row({ provider: 'zai', api_key: 'CANARY-key', model_mappings: '{"opus":' })])
    const { accounts, notes } = read()
    expect(accounts[0]?.skipped).toBeUndefined()
    expect(notes).toEqual(['The model mappings of name cannot be read and are left out.'])
  })

  it('keeps the priority within what Spillway knows', () => {
    create(
      LATEST,
      [-5_000, 5_000, 1.6].map((priority) => login({ name: `p${priority}`, priority })),
    )
    expect(read().accounts.map(({ priority }) => priority)).toEqual([-1_000, 1_000, 2])
  })

  it('says who must not go on using a login, what was paused by itself, and which keys are left', () => {
    create(LATEST, [login({ name: 'work', paused: 1, pause_reason: 'overage' })], [], (database) => {
      database.run("insert into api_keys values ('1', 'laptop', 'CANARY-hash')")
    })
    expect(read().notes).toEqual([
      'work was paused by better-ccflare itself (overage) and stays paused until you resume it.',
      'A login belongs to one program: a refresh token works once. Stop better-ccflare before Spillway uses work, or one of the two is logged out.',
      'One client key is left out: better-ccflare keeps only hashes of them. Make new ones with "spillway keys create".',
    ])
  })
})

describe('an account that cannot be taken over', () => {
  it.each([
    [
      'codex',
      { refresh_token: 'CANARY-refresh' },
      'codex',
      'Spillway has no provider for codex accounts yet.',
    ],
    ['constructor', {}, 'constructor', 'Spillway has no provider for constructor accounts yet.'],
    ['zai', {}, 'zai', 'It has no credential.'],
    ['openai-compatible', {}, 'openai-compatible', 'It has no credential.'],
    [
      'anthropic',
      { access_token: 'CANARY-access' },
      'claude-oauth',
      'Its login has no refresh token. Log in anew.',
    ],
    ['zai', { api_key: 'CANARY\nkey' }, 'zai', 'Its credential holds characters that no credential has.'],
    [
      'openai-compatible',
      { api_key: 'CANARY-key', custom_endpoint: 'https://x.example?key=CANARY-key' },
      'openai-compatible',
      'Its endpoint is not a plain http or https address.',
    ],
    [
      'bedrock',
      { custom_endpoint: 'bedrock:prod:us-east-1' },
      'bedrock',
      'Its credentials are this machine’s and not in the database (profile prod, region us-east-1). Add it with "spillway accounts add", provider bedrock.',
    ],
    [
      'vertex-ai',
      { custom_endpoint: '{"projectId":"acme","region":"global"}' },
      'vertex-ai',
      'Its credentials are this machine’s and not in the database (project acme, region global). Add it with "spillway accounts add", provider vertex-ai.',
    ],
    [
      'vertex-ai',
      {},
      'vertex-ai',
      'Its credentials are this machine’s and not in the database. Add it with "spillway accounts add", provider vertex-ai.',
    ],
  ])('of %s is named without its secrets', (provider, cells, id, skipped) => {
    create(LATEST, [row({ provider, ...cells })])
    expect(read().accounts).toEqual([{ name: 'name', priority: 0, provider: id, skipped }])
  })

  it('does not steer the terminal', () => {
    create(LATEST, [row({ name: 'a\u001b[2J', provider: '\u001b]0;x\u0007' })])
    const { accounts, notes } = read()
    expect(accounts[0]?.name).toBe('a-2J')
    expect(`${accounts[0]?.skipped} ${notes}`).not.toMatch(/[\p{Cc}\p{Cf}]/u)
  })
})

describe('a database of an earlier version', () => {
  it('gives what it has: tiers, and keys that stand where tokens do', () => {
    create(FIRST, [
      { ...login({ name: 'max' }), account_tier: 20 },
      { ...row({ name: 'console', api_key: 'CANARY-key' }), refresh_token: '' },
      { ...row({ name: 'misplaced' }), refresh_token: 'sk-ant-api03-CANARY-key' },
      { ...row({ name: 'glm', provider: 'zai' }), refresh_token: 'CANARY-key', access_token: 'CANARY-key' },
      { ...login({ name: 'nameless' }), provider: null },
    ])
    expect(read(readCcflare).accounts.map(brief)).toEqual([
      'max claude-oauth tier 20 refresh CANARY-refresh',
      'console console tier 1 key CANARY-key',
      'misplaced console tier 1 key sk-ant-api03-CANARY-key',
      'glm zai tier 1 key CANARY-key',
      'nameless claude-oauth tier 1 refresh CANARY-refresh',
    ])
  })

  it('gives its history without models and tokens', () => {
    create(FIRST, [login({ id: 'a', name: 'max' })], [request({ id: 'r', account_used: 'a', success: 1 })])
    expect(requestsIn(read(readCcflare))).toEqual([
      {
        id: 'r',
        startedAt: '2026-11-25T12:00:00.000Z',
        account: 'max',
        model: undefined,
        status: 200,
        isSuccess: true,
        durationMs: 0,
        inputTokens: 0,
        outputTokens: 0,
        cacheReadTokens: 0,
        cacheWriteTokens: 0,
        path: '/v1/messages',
        method: 'POST',
      },
    ])
  })
})

describe('a database of the later ccflare', () => {
  it('gives accounts by their way of signing in', () => {
    create(SECOND, [
      {
        ...row({ name: 'key', provider: 'anthropic', api_key: 'CANARY-key' }),
        auth_method: 'api_key',
        weight: 3,
      },
      { ...login({ name: 'max', provider: 'claude-code' }), auth_method: 'oauth' },
      { ...login({ name: 'k3', provider: 'kimi' }), auth_method: 'oauth' },
      {
        ...row({ name: 'gpt', provider: 'openai', api_key: 'CANARY-key' }),
        auth_method: 'api_key',
        base_url: 'https://x.example/v1',
      },
      { ...login({ name: 'codex', provider: 'codex' }), auth_method: 'oauth' },
    ])
    const { accounts } = read(readCcflare)
    expect(accounts.map(brief)).toEqual([
      'key console key CANARY-key',
      'max claude-oauth refresh CANARY-refresh',
      'k3 kimi-code skipped',
      'gpt openai-compatible key CANARY-key',
      'codex codex skipped',
    ])
    expect(accounts[0]?.weight).toBe(3)
    expect(accounts[3]?.baseUrl).toBe('https://x.example')
  })
})

describe('the history', () => {
  it('holds what a request cost and used', () => {
    create(
      LATEST,
      [login({ id: 'a', name: 'my work' })],
      [
        request({
          ...{
            id: 'r',
            account_used: 'a',
            status_code: 429,
            success: 0,
            response_time_ms: 1_234,
            model: 'claude-opus-5',
          },
          ...{
            input_tokens: 10,
            output_tokens: 20,
            cache_read_input_tokens: 30,
            cache_creation_input_tokens: 40,
          },
          ...{
            prompt_tokens: 80,
            cost_usd: 0.25,
            agent_used: 'reviewer',
            path: '/v1/messages?key=CANARY-key',
          },
        }),
      ],
    )
    expect(requestsIn(read())).toEqual([
      {
        id: 'r',
        startedAt: '2026-11-25T12:00:00.000Z',
        account: 'my-work',
        model: 'claude-opus-5',
        status: 429,
        isSuccess: false,
        durationMs: 1_234,
        inputTokens: 10,
        outputTokens: 20,
        cacheReadTokens: 30,
        cacheWriteTokens: 40,
        costUsd: 0.25,
        agent: 'reviewer',
        path: '/v1/messages',
        method: 'POST',
      },
    ])
  })

  it('goes on when the program writes to the database meanwhile', () => {
    const many = Array.from({ length: 1_500 }, (_, index) => request({ id: `r${index}` }))
    create(LATEST, [], many)
    const batches = read().requests[Symbol.iterator]()
    const first = batches.next().value
    change((database) => insert(database, 'requests', [request({ id: 'later' })]))
    const second = batches.next().value
    expect(first?.length).toBe(1_000)
    expect(second?.map((entry: ImportedRequest) => entry.id).slice(-2)).toEqual(['r1499', 'later'])
    expect(batches.next().done).toBe(true)
  })
})

describe('a database', () => {
  it.each(['delete', 'wal'])('in the mode %s is left as it was', (mode) => {
    create([`pragma journal_mode = ${mode}`, ...LATEST], [login({})], [request({})])
    const before = traces()
    const imported = read()
    requestsIn(imported)
    imported.close()
    expect(traces()).toEqual(before)
  })

  it.each([
    ['of another program', ['create table things (id text)'], 'no table "accounts" and no table "requests"'],
    ['without a history', LATEST.slice(0, 1), 'no table "requests"'],
    [
      'that only looks like one',
      ['create table accounts (id text, name text)', 'create table requests (id text, timestamp integer)'],
      'no column "refresh_token" in its table "accounts"',
    ],
  ])('%s is refused by what it lacks', (_what, tables, missing) => {
    create(tables)
    expect(() => read()).toThrow(
      new CommandError(1, `The file ${file} is not a database of better-ccflare: it has ${missing}.`),
    )
    expect(() => read(readCcflare)).toThrow(`is not a database of ccflare: it has ${missing}.`)
  })
})

function create(
  tables: readonly string[],
  accounts: readonly Cells[] = [],
  requests: readonly Cells[] = [],
  more: (database: Sqlite) => void = () => {},
): void {
  change((database) => {
    for (const table of tables) database.run(table)
    insert(database, 'accounts', accounts)
    insert(database, 'requests', requests)
    more(database)
  })
}

function change(work: (database: Sqlite) => void): void {
  const database = new Sqlite(file)
  work(database)
  database.close()
}

function insert(database: Sqlite, table: string, rows: readonly Cells[]): void {
  database.transaction(() => {
    for (const cells of rows) {
      const names = Object.keys(cells)
      const places = names.map(() => '?').join(', ')
      database.run(`insert into ${table} (${names.join(', ')}) values (${places})`, Object.values(cells))
    }
  })()
}

let lastId = 0
const row = (cells: Cells): Cells => ({ id: `id-${++lastId}`, name: 'name', created_at: NOON, ...cells })

const login = (cells: Cells): Cells =>
  row({
    provider: 'anthropic',
    refresh_token: 'CANARY-refresh',
    access_token: 'CANARY-access',
    expires_at: NOON + HOUR_MS,
    ...cells,
  })

const request = (cells: Cells): Cells => ({
  ...{ id: `id-${++lastId}`, timestamp: NOON, method: 'POST', path: '/v1/messages', status_code: 200 },
  ...cells,
})

/** Notes and reasons never hold a secret, whatever else a test is about. */
function read(reader = readBetterCcflare): Imported {
  const imported = reader(file)
  opened.push(imported)
  expect(imported.notes.join()).not.toContain('CANARY')
  return imported
}

const requestsIn = ({ requests }: Imported): readonly ImportedRequest[] => [...requests].flat()

const brief = ({ name, provider, tier, apiKey, refreshToken, skipped }: ImportedAccount): string =>
  [
    name,
    provider,
    ...(tier === undefined ? [] : ['tier', tier]),
    ...(apiKey === undefined ? [] : ['key', apiKey]),
    ...(refreshToken === undefined ? [] : ['refresh', refreshToken]),
    ...(skipped === undefined ? [] : ['skipped']),
  ].join(' ')

const traces = (): unknown =>
  readdirSync(directory).map((name) => {
    const path = join(directory, name)
    return [name, statSync(path, { bigint: true }).mtimeNs, Bun.hash(readFileSync(path))]
  })
