/**
 * `spillway import` by the real command: accounts and history out of the databases of
 * better-ccflare and ccflare, and Claude Code's login; twice, in a dry run, and from files
 * that are odd. The source is never changed.
 */
import { Database as Sqlite } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Account, LedgerRequest } from '../src/api/contract.ts'
import type { Place, Ran } from './support/command-line.ts'
import { openSignInPlace, variablesFor } from './support/sign-in.ts'

let place: Place
/** What the other program left holds credentials in plain sight, so it is not in the place. */
let theirs: string
beforeEach(() => {
  theirs = mkdtempSync(join(tmpdir(), 'spillway-theirs-'))
})
afterEach(async () => {
  await place.stop()
  rmSync(theirs, { recursive: true, force: true })
})

const NOON = Date.UTC(2026, 10, 20, 12)
const MINUTE = 60_000

type Cells = Readonly<Record<string, string | number | null>>

const ACCOUNTS = `create table accounts (id text primary key, name text not null, provider text, api_key text,
  refresh_token text, access_token text, expires_at integer, created_at integer not null, paused integer default 0,
  priority integer default 0, custom_endpoint text, model_mappings text)`
const REQUESTS = `create table requests (id text primary key, timestamp integer not null, method text not null,
  path text not null, account_used text, status_code integer, success boolean, response_time_ms integer,
  model text, input_tokens integer, output_tokens integer, cost_usd real, agent_used text)`

function database(accounts: readonly Cells[], requests: readonly Cells[]): string {
  const file = join(theirs, 'better-ccflare.db')
  const sqlite = new Sqlite(file)
  for (const text of [ACCOUNTS, REQUESTS]) sqlite.run(text)
  const insert = (table: string, row: Cells): void => {
    const places = Object.keys(row).map(() => '?')
    sqlite.run(
      `insert into ${table} (${Object.keys(row).join(', ')}) values (${places.join(', ')})`,
      Object.values(row),
    )
  }
  sqlite.transaction(() => {
    for (const row of accounts) insert('accounts', row)
    for (const row of requests) insert('requests', row)
  })()
  sqlite.close()
  return file
}

const key = (name: string, more: Cells = {}): Cells => ({
  ...{ id: `id-${name}`, name, provider: 'claude-console-api', api_key: `CANARY-${name}`, created_at: NOON },
  ...{ custom_endpoint: place.simulator.url },
  ...more,
})

const login = (name: string, more: Cells): Cells => ({
  ...{ id: `id-${name}`, name, provider: 'anthropic', created_at: NOON },
  ...more,
})

const request = (number: number, more: Cells = {}): Cells => ({
  ...{ id: `r${number}`, timestamp: NOON + number * MINUTE, method: 'POST', path: '/v1/messages' },
  ...{
    account_used: 'id-work',
    status_code: 200,
    success: 1,
    response_time_ms: 1_500,
    model: 'claude-opus-5',
  },
  ...{ input_tokens: 10, output_tokens: 20, cost_usd: 0.25, ...more },
})

const run = (words: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ran> =>
  place.run(words, { environment: { ...variablesFor(place.simulator), ...environment } })

const importFrom = (file: string, ...more: readonly string[]): Promise<Ran> =>
  run(['import', 'better-ccflare', file, '--accept-terms', ...more])

const accounts = async (): Promise<readonly Account[]> => (await run(['accounts', 'list', '--json'])).json()

async function requests(): Promise<readonly LedgerRequest[]> {
  const listed = await run(['requests', 'list', '--json', '--limit', '1000'])
  return listed.json<{ readonly requests: readonly LedgerRequest[] }>().requests
}

const traces = (directory: string): unknown =>
  readdirSync(directory).map((name) => {
    const path = join(directory, name)
    return [name, statSync(path, { bigint: true }).mtimeNs, Bun.hash(readFileSync(path))]
  })

/** Of a model and of a whole family. */
const RULES = '{"a":"b","opus":["glm-5.3","glm-4.7"]}'

describe.each([
  ['with a running server', true],
  ['without a server', false],
])('better-ccflare, %s', (_where, isRunning) => {
  beforeEach(async () => {
    place = await openSignInPlace(isRunning)
  })

  it('is only looked at in a dry run', async () => {
    const file = database([key('work'), key('paused', { paused: 1 })], [request(1), request(2)])
    const before = traces(theirs)
    const { code, out } = await importFrom(file, '--dry-run')
    expect(code).toBe(0)
    expect(out).toMatch(/^NAME +PROVIDER +PRIORITY +CREDENTIAL +REMARK\nwork +console +0 +an API key\n/)
    expect(out).toContain('2 requests in its history.')
    expect(await accounts()).toEqual([])
    expect(await requests()).toEqual([])
    expect(traces(theirs)).toEqual(before)
  })

  it('is taken over: accounts that serve, requests at their old times; and once only', async () => {
    const file = database(
      [key('work', { priority: 3, model_mappings: RULES }), key('paused', { paused: 1 })],
      [request(3), request(1, { agent_used: 'reviewer' }), request(2, { status_code: 429, success: 0 })],
    )
    const before = traces(theirs)
    const first = await importFrom(file)
    expect([first.code, first.out]).toEqual([
      0,
      expect.stringContaining(
        'Added the account work.\nAdded the account paused.\nAdded 3 requests to the ledger.\n',
      ),
    ])
    expect(await accounts()).toMatchObject([
      {
        name: 'work',
        provider: 'console',
        priority: 3,
        modelMap: { a: 'b', opus: ['glm-5.3', 'glm-4.7'] },
        totals: { requests: 3, costUsd: 0.75 },
      },
      { name: 'paused', state: { kind: 'paused' }, totals: { requests: 0 } },
    ])
    const rows = await requests()
    expect(rows.map(({ startedAt }) => startedAt)).toEqual(
      [3, 2, 1].map((number) => new Date(NOON + number * MINUTE).toISOString()),
    )
    expect(rows).toMatchObject([
      {
        account: 'work',
        model: 'claude-opus-5',
        inputTokens: 10,
        outputTokens: 20,
        costUsd: 0.25,
        outcome: 'ok',
      },
      { status: 429, outcome: 'upstream-error' },
      { agent: 'reviewer', decision: { strategy: 'better-ccflare' } },
    ])
    const [{ id = '' } = {}] = rows
    expect((await run(['requests', 'show', id])).out).toContain('claude-opus-5')
    expect((await run(['accounts', 'test', 'work'])).code).toBe(0)

    const second = await importFrom(file)
    expect(second.code).toBe(1)
    expect(second.out).toContain('Added 0 requests to the ledger. 3 were there already.')
    expect(second.err).toContain('work: There is an account called "work" already.')
    expect(await requests()).toHaveLength(3)
    expect(await accounts()).toMatchObject([{ totals: { requests: 3, costUsd: 0.75 } }, {}])
    expect(traces(theirs)).toEqual(before)
  })

  it('adds later what has come to it meanwhile, and leaves the history out when told to', async () => {
    const file = database([key('work')], [request(1)])
    expect((await importFrom(file, '--no-history')).out).not.toContain('to the ledger')
    expect(await requests()).toEqual([])
    await importFrom(file)
    const sqlite = new Sqlite(file)
    sqlite.run(
      `insert into requests (id, timestamp, method, path, success) values ('later', ${NOON}, 'POST', '/x', 1)`,
    )
    sqlite.close()
    expect((await importFrom(file)).out).toContain('Added 1 requests to the ledger. 1 were there already.')
    expect(await requests()).toMatchObject([{ account: 'work' }, { account: null, path: '/x' }])
  })

  it('gives logins that are renewed, also those whose token is missing or has no end', async () => {
    const grant = () => place.simulator.logins.grant()
    const [whole, endless, bare] = [grant(), grant(), grant()]
    const file = database(
      [
        login('whole', {
          access_token: whole.accessToken,
          refresh_token: whole.refreshToken,
          expires_at: whole.expiresAt,
        }),
        login('endless', { access_token: endless.accessToken, refresh_token: endless.refreshToken }),
        login('bare', { refresh_token: bare.refreshToken }),
      ].map((row) => ({ ...row, custom_endpoint: place.simulator.url })),
      [],
    )
    const { code, out, err } = await importFrom(file)
    expect([code, out]).toEqual([0, expect.stringContaining('Added the account bare.\n')])
    expect(err).toContain('Stop better-ccflare before Spillway uses whole, endless, bare')
    for (const name of ['whole', 'endless', 'bare']) {
      expect([name, (await run(['accounts', 'refresh', name])).code]).toEqual([name, 0])
      expect([name, (await run(['accounts', 'test', name])).code]).toEqual([name, 0])
    }
    expect(place.simulator.logins.reuses).toEqual([])
  }, 30_000)
})

describe('a history with odd rows', () => {
  beforeEach(async () => {
    place = await openSignInPlace(true)
  })

  it('is taken over all the same', async () => {
    const long = 'x'.repeat(5_000)
    const file = database(
      [key('work'), key('odd', { provider: long })],
      [
        request(1, {
          id: long,
          path: `/${long}`,
          method: 'PROPFINDPROPFINDPROPFIND',
          model: long,
          agent_used: long,
        }),
        request(2, { status_code: 2_000, response_time_ms: -5, input_tokens: -3, cost_usd: -1 }),
        request(3, { status_code: 200.5, account_used: 'id-odd', model: 'null\u0000\u001b[2J\ud800' }),
        request(4, { timestamp: 1_763_640_000_000_000 }),
        request(5, { timestamp: 1, account_used: 'nobody', status_code: null, success: 0 }),
        request(6, { id: '', timestamp: 253_402_300_799_999 }),
      ],
    )
    const { code, out } = await importFrom(file)
    expect([code, out]).toEqual([0, expect.stringContaining('Added 5 requests to the ledger.')])
    expect((await importFrom(file)).out).toContain('Added 0 requests')
    const rows = await requests()
    expect(rows.map(({ startedAt }) => startedAt)).toEqual([
      '9999-12-31T23:59:59.999Z',
      ...[3, 2, 1].map((number) => new Date(NOON + number * MINUTE).toISOString()),
      '1970-01-01T00:00:00.001Z',
    ])
    expect((await run(['requests', 'list'])).out).not.toMatch(/[^\P{Cc}\n]/u)
  })

  it('of thousands of rows is whole, and its sums are right', async () => {
    const many = Array.from({ length: 2_500 }, (_, index) => request(index))
    const { out } = await importFrom(database([key('work')], many))
    expect(out).toContain('Added 2,500 requests to the ledger.')
    expect(await accounts()).toMatchObject([
      { totals: { requests: 2_500, inputTokens: 25_000, costUsd: 625 } },
    ])
  }, 30_000)
})

describe('a source', () => {
  beforeEach(async () => {
    place = await openSignInPlace(false)
  })

  it.each(['constructor', 'toString', '__proto__', 'ccflar', ''])(
    'that nobody knows, %p, is refused',
    async (name) => {
      const { code, err } = await run(['import', name, '/nowhere'])
      expect([code, err]).toEqual([2, expect.stringContaining(`There is no import from "${name}"`)])
    },
  )

  it('that is not there, or named without its database, is said to be so', async () => {
    const missing = await run(['import', 'ccflare', join(theirs, 'x.db')])
    expect([missing.code, missing.out]).toEqual([3, ''])
    expect(missing.err).toContain('x.db')
    const unnamed = await run(['import', 'ccflare'])
    expect([unnamed.code, unnamed.err]).toEqual([2, expect.stringContaining('spillway import ccflare PATH')])
  })

  it('with a subscription asks for a yes to the terms, and takes nothing over without one', async () => {
    const file = database([login('max', { refresh_token: 'CANARY-refresh' })], [request(1)])
    const { code, err } = await run(['import', 'ccflare', file])
    expect([code, err]).toEqual([2, expect.stringContaining('say --accept-terms')])
    expect(await accounts()).toEqual([])
    expect(await requests()).toEqual([])
  })
})

describe('Claude Code’s login', () => {
  const write = (directory: string): string => {
    const { accessToken, refreshToken, expiresAt } = place.simulator.logins.grant()
    mkdirSync(directory, { recursive: true })
    const file = join(directory, '.credentials.json')
    const claudeAiOauth = { accessToken, refreshToken, expiresAt, rateLimitTier: 'default_claude_max_20x' }
    writeFileSync(file, JSON.stringify({ claudeAiOauth }))
    return file
  }

  beforeEach(async () => {
    place = await openSignInPlace(true)
  })

  it('is found where Claude Code keeps it, or where it is said to be, and who refreshes is said', async () => {
    const directory = join(theirs, 'claude')
    const file = write(directory)
    const before = traces(directory)
    const environment = { CLAUDE_CONFIG_DIR: directory }
    const refused = await run(['import', 'claude-code'], environment)
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('say --accept-terms')])
    const dry = await run(['import', 'claude-code', '--dry-run'], environment)
    expect([dry.code, dry.out]).toEqual([0, expect.stringContaining('a login that is renewed')])
    expect(await accounts()).toEqual([])
    const { code, out, err } = await run(['import', 'claude-code', '--accept-terms'], environment)
    expect([code, out]).toEqual([0, expect.stringContaining('Added the account claude-code.')])
    expect(err).toContain('whichever of Claude Code and Spillway refreshes second is logged out')
    const named = await run(['import', 'claude-code', file, '--name', 'mine'])
    expect([named.code, named.out]).toEqual([0, expect.stringContaining('Added the account mine.')])
    expect(await accounts()).toMatchObject([
      { name: 'claude-code', provider: 'claude-oauth', tier: 20 },
      { name: 'mine' },
    ])
    expect(traces(directory)).toEqual(before)
  })

  it('that is not there is said to be so', async () => {
    const { code, err } = await run(['import', 'claude-code'], { CLAUDE_CONFIG_DIR: theirs })
    expect([code, err]).toEqual([3, expect.stringContaining('.credentials.json')])
  })
})
