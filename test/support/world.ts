/**
 * A small world for end-to-end tests: the simulated provider and the real gateway, over real
 * sockets on loopback, on a data directory of their own. Credentials are canaries: they are
 * looked for in everything that comes out.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, createClient } from '../../src/api/client.ts'
import type { ClientInput, LedgerRequest } from '../../src/api/contract.ts'
import { type RunningGateway, startGateway } from '../../src/compose/serve.ts'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/simulator.ts'
import { migrate } from '../../src/storage/migrations.ts'
import { openSettings } from '../../src/storage/settings.ts'
import { openSqlite } from '../../src/storage/sqlite.ts'

export interface WorldOptions {
  /** Names of accounts, each with the key `CANARY-<name>`, in order; or all that can be said of one. */
  readonly accounts?: readonly (string | AccountPlan)[]
  /** As if an operator had stored them earlier, so that a test may change them through the API. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** As on the command line: locked in the API. */
  readonly flags?: Readonly<Record<string, unknown>>
  readonly environment?: Environment | ((simulator: Simulator) => Environment)
  readonly simulator?: SimulatorOptions
  /** A directory to start on again; it is kept when the world ends. */
  readonly dataDirectory?: string
}

type Environment = Readonly<Record<string, string>>

export type AccountPlan = Partial<ClientInput<'addAccount'>['body']> & { readonly name: string }

export interface World {
  readonly url: string
  readonly simulator: Simulator
  readonly api: Client
  readonly adminToken: string
  readonly dataDirectory: string
  /** Everything that the gateway has logged. */
  readonly log: () => string
  /** Rows of the ledger, oldest first, as soon as there are as many. */
  rows(count: number): Promise<readonly LedgerRequest[]>
  /** A request under /v1; the body is JSON unless it is text already. */
  post(path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>
  /** POST /v1/messages with sensible defaults. */
  ask(
    fields?: Readonly<Record<string, unknown>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Response>
  /** As the admin, at any path. */
  admin(path: string, init?: RequestInit): Promise<Response>
  /** Ends the gateway and starts it again on the same data. */
  restart(): Promise<void>
  stop(): Promise<void>
}

export const keyOf = (account: string): string => `CANARY-${account}`

const PATIENCE_MS = 5_000

export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const simulator = startSimulator(options.simulator)
  const dataDirectory = options.dataDirectory ?? mkdtempSync(join(tmpdir(), 'spillway-test-'))
  const lines: string[] = []
  const { environment = {} } = options
  await storeSettings(dataDirectory, options.settings ?? {})
  const start = (): Promise<RunningGateway> =>
    startGateway({
      places: { dataDirectory, configFile: join(dataDirectory, 'config.json') },
      flags: { port: 0, logFormat: 'json', ...options.flags },
      environment: typeof environment === 'function' ? environment(simulator) : environment,
      output: { write: (line) => void lines.push(line), flush: () => {}, dropped: 0 },
    })
  let running = await start()
  const token = (): string => running.gateway.adminToken
  const admin = (path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers)
    headers.set('authorization', `Bearer ${token()}`)
    return fetch(`${running.url}${path}`, { ...init, headers })
  }
  const api = createClient(admin)
  for (const plan of options.accounts ?? ['a']) await addAccount(api, plan, simulator.url)

  const post: World['post'] = (path, body, headers = {}) =>
    fetch(`${running.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
  return {
    get url() {
      return running.url
    },
    simulator,
    api,
    get adminToken() {
      return token()
    },
    dataDirectory,
    log: () => lines.join(''),
    async rows(count) {
      const found = await eventually(async () => {
        const { requests } = await api.listRequests({ query: { limit: 1_000 } })
        return requests.length >= count ? requests : undefined
      }, `${count} ledger rows`)
      return found.toReversed()
    },
    post,
    ask: (fields = {}, headers = {}) => post('/v1/messages', { ...QUESTION, ...fields }, headers),
    admin,
    async restart() {
      await running.stop(0)
      running = await start()
    },
    async stop() {
      await running.stop(0)
      simulator.stop()
      assertNoCanary(dataDirectory, lines)
      if (options.dataDirectory === undefined) rmSync(dataDirectory, { recursive: true, force: true })
    },
  }
}

async function storeSettings(
  dataDirectory: string,
  settings: Readonly<Record<string, unknown>>,
): Promise<void> {
  if (Object.keys(settings).length === 0) return
  const database = openSqlite(join(dataDirectory, 'spillway.db'))
  await migrate(database)
  const store = await openSettings(database)
  for (const [name, value] of Object.entries(settings)) await store.set(name, value)
  await database.close()
}

const QUESTION = {
  model: 'claude-sonnet-5-5',
  max_tokens: 64,
  messages: [{ role: 'user', content: 'Is this index used?' }],
}

async function addAccount(api: Client, plan: string | AccountPlan, url: string): Promise<void> {
  const { name, ...rest } = typeof plan === 'string' ? { name: plan } : plan
  await api.addAccount({ body: { name, provider: 'console', apiKey: keyOf(name), baseUrl: url, ...rest } })
}

/** No test may end with a credential in plain sight: in the log, the database or any other file (G5). */
function assertNoCanary(directory: string, lines: readonly string[]): void {
  const texts = [
    ['the log', lines.join('')] as const,
    ...readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => [name, readFileSync(join(directory, name), 'latin1')] as const),
  ]
  const found = texts.filter(([, text]) => text.includes('CANARY-')).map(([place]) => place)
  if (found.length > 0) throw new Error(`A credential stands in plain sight in: ${found.join(', ')}.`)
}

/** Asks again until there is an answer; a test's way to wait for what it cannot be told of. */
export async function eventually<T>(
  ask: () => T | undefined | Promise<T | undefined>,
  what: string,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const deadline = performance.now() + patienceMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (performance.now() > deadline) throw new Error(`Waited ${patienceMs} ms in vain for ${what}.`)
    await Bun.sleep(5)
  }
}
