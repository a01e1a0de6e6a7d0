/**
 * One life of a gateway without sockets: the real request path, keeper, pool and storage on a
 * database file, over a clock and an upstream of the test's. It can be ended in order, or
 * crash: then nothing that it had begun goes on, and nothing that it had not stored is left.
 */

import { randomUUIDv7 } from 'bun'
import type { Account } from '../../src/core/account.ts'
import type { AccountEvent } from '../../src/core/event.ts'
import type { Clock } from '../../src/core/ports/clock.ts'
import type { Upstream } from '../../src/core/ports/upstream.ts'
import { NO_RULES } from '../../src/core/rules.ts'
import { createKeeper, type Keeper } from '../../src/keeper/keeper.ts'
import { digestParts, fingerprint, sha256, shortHash } from '../../src/platform/digest.ts'
import { createAgents } from '../../src/proxy/agents.ts'
import { createBrake } from '../../src/proxy/brake.ts'
import { createRetryBudget } from '../../src/proxy/budget.ts'
import type { ProxyContext } from '../../src/proxy/context.ts'
import { createKeyMeters } from '../../src/proxy/key-meters.ts'
import { createLine } from '../../src/proxy/line.ts'
import { createPool, type Pool } from '../../src/proxy/pool.ts'
import { createPoolMeters } from '../../src/proxy/pool-limits.ts'
import { createPromptCaches } from '../../src/proxy/prompt-caches.ts'
import { createProxy } from '../../src/proxy/proxy.ts'
import { createSpending } from '../../src/proxy/spending.ts'
import { originOf } from '../../src/proxy/target.ts'
import type { Database } from '../../src/storage/database.ts'
import { migrate } from '../../src/storage/migrations.ts'
import { openSqlite } from '../../src/storage/sqlite.ts'
import { openStorage, type Storage } from '../../src/storage/storage.ts'
import { keeperParts, plainSecrets } from '../support/keeping.ts'
import { memoryLog, SAMPLE_POLICY } from '../support/samples.ts'

export interface Places {
  readonly database: string
  readonly journal: string
  readonly rescue: string
}

export interface Surroundings {
  readonly clock: Clock
  readonly upstream: Upstream
  readonly places: Places
  readonly onEvent: (account: Account, event: AccountEvent) => void
}

export interface Instance {
  readonly keeper: Keeper
  readonly pool: Pool
  readonly storage: Storage
  /** A client's request; its status, or undefined when nobody answered any more. */
  ask(conversation: string): Promise<number | undefined>
  /** As the operator ends it. */
  end(): Promise<void>
  crash(): Promise<void>
}

export async function openInstance({ clock, upstream, places, onEvent }: Surroundings): Promise<Instance> {
  const life: Life = { state: 'alive' }
  const opened = openSqlite(places.database)
  await migrate(opened)
  const database = mortal(opened, life)
  const mortalClock: Clock = {
    ...clock,
    now: clock.now,
    after: (ms, action) => clock.after(ms, () => (life.state === 'alive' ? action() : undefined)),
    sleep: (ms, signal) => whileAlive(clock.sleep(ms, signal), life),
  }
  const mortalUpstream: Upstream = {
    send: (...sending) => (life.state === 'alive' ? whileAlive(upstream.send(...sending), life) : NEVER),
  }
  let onAccounts: (accounts: readonly Account[]) => void = () => {}
  const log = memoryLog()
  const storage = await openStorage({
    database,
    journalFile: places.journal,
    rescueFile: places.rescue,
    newId: randomUUIDv7,
    clock: mortalClock,
    log,
    sessionMs: SESSION_MS,
    onAccounts: (accounts) => onAccounts(accounts),
  })
  const pool = createPool({
    clock: mortalClock,
    store: storage.health,
    events: storage.events,
    readings: storage.readings,
    sessionMs: () => SESSION_MS,
    circuitFaults: () => SETTINGS.retry.circuitFaults,
    originOf,
    changed: () => {},
    observe: (account, event) => {
      if (life.state === 'alive') onEvent(account, event)
    },
  })
  onAccounts = pool.sync
  pool.sync(storage.accounts.all())
  const parts = { clock: mortalClock, upstream: mortalUpstream, log, secrets: plainSecrets }
  const keeper = createKeeper({
    ...keeperParts(pool),
    ...parts,
    accounts: storage.accounts,
    credentials: storage.credentials,
    holder: randomUUIDv7(),
  })
  const proxy = createProxy(contextOf(storage, { ...parts, pool, tokens: keeper.tokens }))
  const leaving = new AbortController()
  const stop = keeper.start()
  return {
    keeper,
    pool,
    storage,
    ask: (conversation) => askThrough(proxy, conversation, leaving.signal),
    async end() {
      // As a server does that is stopped: whoever still waits is cut off.
      leaving.abort()
      stop()
      await keeper.settled()
      life.state = 'ended'
      await storage.close()
    },
    async crash() {
      stop()
      life.state = 'crashed'
      await opened.close()
    },
  }
}

const SESSION_MS = 18_000_000
const NEVER: Promise<never> = new Promise(() => {})

/** `ended` lets what was begun be written, `crashed` lets nothing through any more. */
interface Life {
  state: 'alive' | 'ended' | 'crashed'
}

/** What comes after its end reaches nobody. */
async function whileAlive<T>(work: Promise<T>, life: Life): Promise<T> {
  const result = await work
  return life.state === 'alive' ? result : NEVER
}

function mortal(database: Database, life: Life): Database {
  const guard = <T>(work: () => Promise<T>): Promise<T> => (life.state === 'crashed' ? NEVER : work())
  return {
    ...database,
    load: (text, values) => guard(() => database.load(text, values)),
    read: (text, values) => guard(() => database.read(text, values)),
    commit: (statements, durability) => guard(() => database.commit(statements, durability)),
  }
}

type Shared = Pick<ProxyContext, 'clock' | 'upstream' | 'log' | 'secrets' | 'pool' | 'tokens'>

function contextOf(storage: Storage, shared: Shared): ProxyContext {
  return {
    ...shared,
    meters: createPoolMeters(shared.pool, shared.clock),
    keys: storage.keys,
    keyMeters: createKeyMeters(shared.clock, storage.keyUsage.counted),
    bindings: storage.bindings,
    pins: storage.pins,
    caches: createPromptCaches(),
    agents: createAgents(() => []),
    prefixDigests: { hash: shortHash, digest: fingerprint },
    owners: storage.owners,
    ledger: storage.ledger,
    payloads: { hold: () => true, letGo: () => {}, keep: () => {} },
    budget: createRetryBudget(shared.clock.elapsed),
    line: createLine({ clock: shared.clock, mostPlaces: () => 100 }),
    brake: createBrake({ clock: shared.clock }),
    spending: createSpending({ clock: shared.clock, views: shared.pool.views }),
    settings: () => SETTINGS,
    newId: randomUUIDv7,
    sha256,
    digest: digestParts,
    fingerprint,
    isBlocked: () => false,
    decode: () => undefined,
    observe: {
      begun: () => {},
      ended: () => {},
      attempted: () => {},
      rejected: () => {},
      booked: () => {},
      unpriced: () => {},
      ranAway: () => {},
      keyRefused: () => {},
    },
  }
}

const SETTINGS: ReturnType<ProxyContext['settings']> = {
  strategy: 'affinity',
  sessionMs: SESSION_MS,
  retry: SAMPLE_POLICY,
  rules: NO_RULES,
  hedgeMs: 0,
  runaway: 'off',
  brake: { repeats: 0, tokensPerMinute: 0 },
  keyPolicy: 'off',
  isLoopback: true,
  isSecure: false,
  publicUrl: '',
  maxBodyBytes: 1 << 20,
  times: {
    connectMs: 5_000,
    headersMs: 30_000,
    contentMs: 30_000,
    idleMs: 30_000,
    totalMs: 60_000,
    holdMs: 0,
  },
  limitHeaders: 'pool',
  payloads: { kind: 'off' },
  payloadMaxBytes: 0,
  fallback: { isSecure: true, host: 'provider.test', port: 443, path: '' },
}

async function askThrough(
  proxy: ReturnType<typeof createProxy>,
  talk: string,
  signal: AbortSignal,
): Promise<number | undefined> {
  const body = JSON.stringify({
    model: 'claude-sonnet-5-5',
    max_tokens: 8,
    system: talk,
    messages: [{ role: 'user', content: talk }],
  })
  let status: number | undefined
  let hasStarted = false
  await proxy(
    {
      method: 'POST',
      path: '/v1/messages',
      query: '',
      headers: [['content-type', 'application/json']],
      peer: '127.0.0.1',
      signal,
      body: async () => Buffer.from(body),
    },
    {
      start(started) {
        hasStarted = true
        status = started
      },
      write: () => undefined,
      end: () => {},
      break: () => {},
      get hasStarted() {
        return hasStarted
      },
    },
  )
  return status
}
