/**
 * Builds the gateway from a data directory and a configuration, without listening yet. The
 * server listens with its `handler`; a command without a server talks to its `app` in its
 * own process. No decisions here.
 */
import type { App, AppOptions } from '../api/app.ts'
import type { LedgerRow } from '../core/ledger.ts'
import type { RequestHandler } from '../core/ports/client.ts'
import type { Log } from '../core/ports/log.ts'
import { createKeeper } from '../keeper/keeper.ts'
import { systemClock as clock } from '../platform/clock.ts'
import { createEgressRules } from '../platform/upstream/egress.ts'
import { createResolver } from '../platform/upstream/resolve.ts'
import { type ClosableUpstream, createUpstream } from '../platform/upstream/upstream.ts'
import { serveWeb } from '../platform/web.ts'
import { createLine, type Line } from '../proxy/line.ts'
import { createPool, type Pool } from '../proxy/pool.ts'
import { createProxy } from '../proxy/proxy.ts'
import { createSpending } from '../proxy/spending.ts'
import { originOf } from '../proxy/target.ts'
import type { Settings } from '../settings.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import { accountGauges, logEvent } from './accounts-watch.ts'
import { createAlerts } from './alerts.ts'
import { createDispatch } from './dispatch.ts'
import { createDoor } from './door.ts'
import { createFeed } from './feed.ts'
import type { Foundation } from './foundation.ts'
import { createKeeperContext } from './keeping.ts'
import { createNetworks, type Networks } from './networks.ts'
import { createProxyContext } from './proxy-context.ts'
import { startRetention } from './retention.ts'
import { hasBudgets, readSpending, waitingByClass, warnOfRules } from './routing-start.ts'
import { type Parts, toServices } from './services.ts'
import { createSigningIn } from './signing-in.ts'

const WARM_UP_MS = 100

export interface Gateway {
  readonly handler: RequestHandler
  /** The client's address, by its connection and its headers. */
  readonly clientOf: Networks['clientOf']
  readonly app: App
  readonly settings: () => Settings
  readonly log: Log
  readonly adminToken: string
  /** The token of a one-time link. */
  readonly makeSignInLink: () => string
  readonly accountCount: () => number
  /** From now on accounts are kept usable: a server does this, a command does not. */
  keepAccounts(): void
  /** Ends the live feeds, which would otherwise go on for as long as somebody listens. */
  endFeeds(): void
  /** Resolves when it knows what its first decision may need. */
  ready(): Promise<void>
  /** Answers everybody who waits in line. */
  endWaits(): void
  /** Writes what is left to write and lets go of everything. */
  close(): Promise<void>
}

export interface GatewayOptions {
  /** Log lines that could not be written. */
  readonly logLinesDropped: () => number
  /** Of a server that speaks TLS. */
  readonly certificate?: Parts['certificate']
  readonly environment: Readonly<Record<string, string | undefined>>
}

export function createGateway(
  foundation: Foundation,
  { logLinesDropped, environment, certificate }: GatewayOptions,
): Gateway {
  const { storage, config, log, directory } = foundation
  const feed = createFeed<LedgerRow>(clock.elapsed)
  const line = createLine({ clock, mostPlaces: () => config.settings().queueSize })
  const pool = openPool(foundation, line)
  const spending = createSpending({ clock, views: pool.views })
  foundation.onAccounts(pool.sync)
  const spendingKnown = readSpending(spending, foundation)
  const metrics = createMetrics({
    waiting: () => waitingByClass(line),
    ...accountGauges(pool),
    ledger: storage.ledger.status,
    logLinesDropped,
  })
  const upstream = openUpstream(foundation, environment)
  const keeping = createKeeperContext(foundation, { pool, upstream, metrics })
  const keeper = createKeeper(keeping)
  const alerts = createAlerts(foundation, { pool, spending, upstream, environment })
  const parts = { pool, tokens: keeper.tokens, upstream, metrics, feed, line, spending, alerts }
  const context = createProxyContext(foundation, parts)
  warnOfRules(context.settings().rules, foundation)
  const proxy = createProxy(context)
  const signingIn = createSigningIn(foundation)
  const app = createLazyApp({
    services: toServices(foundation, { ...parts, keeper, keeping, context, signingIn, certificate }),
    log,
    ...createDoor(foundation, signingIn.visits),
  })
  const stopRetention = startRetention(storage, config, { clock, log })
  let stopKeeping = (): void => {}
  return {
    ...openEntrance(foundation, proxy, app),
    app,
    settings: config.settings,
    ready: () => (hasBudgets(context.settings().rules) ? spendingKnown : Promise.resolve()),
    log,
    adminToken: directory.adminToken,
    makeSignInLink: () => signingIn.door.makeLink({ name: 'start', userId: undefined }).token,
    accountCount: () => storage.accounts.all().length,
    endFeeds() {
      feed.end()
      foundation.logs.end()
    },
    endWaits: line.stop,
    keepAccounts() {
      stopKeeping = keeper.start()
      alerts.start()
    },
    async close() {
      stopKeeping()
      stopRetention()
      // A renewed token has to be stored before the storage is closed, and nothing read after that.
      await Promise.all([keeper.settled(), spendingKnown, alerts.stop()])
      upstream.close()
      await foundation.close()
    },
  }
}

function openEntrance(
  { config, log }: Foundation,
  proxy: RequestHandler,
  app: App,
): Pick<Gateway, 'handler' | 'clientOf'> {
  const networks = createNetworks(config.settings)
  return {
    handler: createDispatch({
      proxy,
      control: (request, reply) => serveWeb(request, reply, app),
      originPolicy: config.settings,
      admits: () => networks().admits,
      log,
    }),
    clientOf: (peer, headers) => networks().clientOf(peer, headers),
  }
}

const openPool = ({ storage, config, log }: Foundation, line: Line): Pool =>
  createPool({
    clock,
    store: storage.health,
    events: storage.events,
    readings: storage.readings,
    sessionMs: () => config.settings().sessionDurationMs,
    circuitFaults: () => config.settings().circuitFaults,
    originOf,
    changed: line.changed,
    observe: (account, event) => logEvent(log, account, event),
  })

const openUpstream = ({ config }: Foundation, environment: GatewayOptions['environment']): ClosableUpstream =>
  createUpstream({
    resolver: createResolver({
      elapsed: clock.elapsed,
      allowedHosts: () => config.settings().allowedUpstreamHosts,
    }),
    egress: createEgressRules(environment),
    elapsed: clock.elapsed,
  })

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
