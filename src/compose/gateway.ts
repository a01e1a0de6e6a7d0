/**
 * Builds the gateway from a data directory and a configuration, without listening yet. The
 * server listens with its `handler`; a command without a server talks to its `app` in its
 * own process. No decisions here.
 */
import { timingSafeEqual } from 'node:crypto'
import type { App, AppOptions } from '../api/app.ts'
import type { Services } from '../api/services.ts'
import { HEALTHY } from '../core/health.ts'
import type { RequestHandler } from '../core/ports/client.ts'
import type { Log } from '../core/ports/log.ts'
import { stateOf } from '../core/state.ts'
import { probe } from '../keeper/probe.ts'
import { systemClock as clock } from '../platform/clock.ts'
import { sha256 } from '../platform/digest.ts'
import { createEgressRules } from '../platform/upstream/egress.ts'
import { createResolver } from '../platform/upstream/resolve.ts'
import { createUpstream } from '../platform/upstream/upstream.ts'
import { serveWeb } from '../platform/web.ts'
import { baseUrlProblem } from '../providers/base-url.ts'
import { PROVIDERS } from '../providers/registry.ts'
import { createPool, type Pool } from '../proxy/pool.ts'
import { createProxy } from '../proxy/proxy.ts'
import type { Settings } from '../settings.ts'
import type { Samples } from '../telemetry/exposition.ts'
import { createMetrics, type Metrics } from '../telemetry/metrics.ts'
import { createAttemptLimit } from './attempt-limit.ts'
import { createDispatch } from './dispatch.ts'
import { createFeed, type Feed } from './feed.ts'
import type { Foundation } from './foundation.ts'
import { createProxyContext } from './proxy-context.ts'
import { startRetention } from './retention.ts'
import { VERSION } from './version.ts'

const WRONG_TOKENS_A_MINUTE = 20
const WARM_UP_MS = 100

export interface Gateway {
  readonly handler: RequestHandler
  readonly app: App
  readonly settings: () => Settings
  readonly log: Log
  readonly adminToken: string
  readonly accountCount: () => number
  /** Ends the live feeds, which would otherwise go on for as long as somebody listens. */
  endFeeds(): void
  /** Writes what is left to write and lets go of everything. */
  close(): Promise<void>
}

export interface GatewayOptions {
  /** Log lines that could not be written. */
  readonly logLinesDropped: () => number
  readonly environment: Readonly<Record<string, string | undefined>>
}

export function createGateway(
  foundation: Foundation,
  { logLinesDropped, environment }: GatewayOptions,
): Gateway {
  const { storage, config, log, directory } = foundation
  const feed = createFeed(clock.elapsed)
  const pool = createPool({
    clock,
    log,
    store: storage.health,
    sessionMs: () => config.settings().sessionDurationMs,
  })
  foundation.onAccounts(pool.sync)
  const metrics = createMetrics({
    accounts: () => readiness(pool),
    ledger: storage.ledger.status,
    logLinesDropped,
  })
  const upstream = createUpstream({
    resolver: createResolver({
      elapsed: clock.elapsed,
      allowedHosts: () => config.settings().allowedUpstreamHosts,
    }),
    egress: createEgressRules(environment),
    elapsed: clock.elapsed,
  })
  const proxy = createProxy(createProxyContext(foundation, { pool, upstream, metrics, feed }))
  const app = createLazyApp({
    services: toServices(foundation, {
      pool,
      metrics,
      feed,
      test: (account) => probe(account, { upstream, secrets: foundation.secrets, clock }),
    }),
    log,
    isAdmin: (token) =>
      timingSafeEqual(Buffer.from(sha256(token)), Buffer.from(sha256(directory.adminToken))),
    isBlocked: createAttemptLimit(WRONG_TOKENS_A_MINUTE, clock.elapsed),
  })
  const stopRetention = startRetention(storage.requests, config, { clock, log })
  return {
    handler: createDispatch({
      proxy,
      control: (request, reply) => serveWeb(request, reply, app),
      originPolicy: config.settings,
      log,
    }),
    app,
    settings: config.settings,
    log,
    adminToken: directory.adminToken,
    accountCount: () => storage.accounts.all().length,
    endFeeds: feed.end,
    async close() {
      stopRetention()
      upstream.close()
      await foundation.close()
    },
  }
}

/**
 * The control plane is loaded when it is first called, or a moment after the start: with its
 * schemas it would be half of the time to the first accepted connection.
 */
function createLazyApp(options: AppOptions): App {
  let loading: Promise<App> | undefined
  const load = (): Promise<App> => {
    loading ??= import('../api/app.ts').then(({ createApp }) => createApp(options))
    return loading
  }
  setTimeout(load, WARM_UP_MS).unref()
  return async (request, peer) => (await load())(request, peer)
}

const readiness = (pool: Pool): Samples =>
  pool
    .views()
    .map(({ account, health }) => [
      [account.name],
      stateOf(account, health, clock.now()).kind === 'ready' ? 1 : 0,
    ])

interface Parts {
  readonly pool: Pool
  readonly metrics: Metrics
  readonly feed: Feed
  readonly test: Services['testAccount']
}

function toServices({ storage, config, secrets, directory }: Foundation, parts: Parts): Services {
  const { pool, metrics, feed, test } = parts
  return {
    clock,
    accounts: storage.accounts,
    keys: storage.keys,
    requests: storage.requests,
    secrets,
    config,
    live: {
      of: (id) => {
        const view = pool.views().find(({ account }) => account.id === id)
        const { health = HEALTHY, inFlight = 0, session } = view ?? {}
        return { health, inFlight, session, windows: pool.windowsOf(id) }
      },
      clear: pool.clear,
    },
    providers: PROVIDERS.map(({ id, label, baseUrl }) => ({
      id,
      label,
      baseUrl,
      baseUrlProblem: (text) => baseUrlProblem(text, config.settings().allowedUpstreamHosts),
    })),
    ledgerStatus: storage.ledger.status,
    checkDatabase: storage.database.check,
    testAccount: test,
    feed,
    metrics: metrics.text,
    system: {
      version: VERSION,
      runtime: `Bun ${Bun.version}`,
      pid: process.pid,
      startedAt: clock.now(),
      dataDirectory: directory.path,
      database: { kind: storage.database.kind, place: storage.database.place },
      memoryBytes: () => process.memoryUsage.rss(),
    },
    newId: () => Bun.randomUUIDv7(),
    newKey,
  }
}

/** 256 random bits; what is stored is their SHA-256. */
function newKey(): { readonly secret: string; readonly digest: string; readonly hint: string } {
  const secret = `spk_${crypto.getRandomValues(Buffer.alloc(32)).toString('base64url')}`
  return { secret, digest: sha256(secret), hint: secret.slice(-4) }
}
