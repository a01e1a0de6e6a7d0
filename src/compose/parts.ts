/**
 * Everything that a gateway consists of beside its storage, built in the one order that
 * works. Composition only: what the parts do is theirs.
 */
import type { LedgerRow } from '../core/ledger.ts'
import { createKeeper } from '../keeper/keeper.ts'
import { systemClock as clock } from '../platform/clock.ts'
import { createEgressRules } from '../platform/upstream/egress.ts'
import { createResolver } from '../platform/upstream/resolve.ts'
import { type ClosableUpstream, createUpstream } from '../platform/upstream/upstream.ts'
import { createLine, type Line } from '../proxy/line.ts'
import { createPool, type Pool } from '../proxy/pool.ts'
import { createSpending } from '../proxy/spending.ts'
import { originOf } from '../proxy/target.ts'
import { createMetrics, type Metrics } from '../telemetry/metrics.ts'
import { type AccountFeed, createAccountFeed } from './account-feed.ts'
import { accountGauges, logEvent } from './accounts-watch.ts'
import { createAgentLibrary } from './agents.ts'
import { createAlerts } from './alerts.ts'
import { createFeed, type Feed } from './feed.ts'
import type { Foundation } from './foundation.ts'
import { createKeeperContext } from './keeping.ts'
import { createProxyContext } from './proxy-context.ts'
import { readSpending, waitingByClass, warnOfRules } from './routing-start.ts'
import type { Parts } from './services.ts'
import { createSigningIn } from './signing-in.ts'

export interface GatewayOptions {
  /** Log lines that could not be written. */
  readonly logLinesDropped: () => number
  /** Of a server that speaks TLS. */
  readonly certificate?: Parts['certificate']
  readonly environment: Readonly<Record<string, string | undefined>>
}

interface OpenParts extends Parts {
  readonly feed: Feed<LedgerRow>
  readonly accountFeed: AccountFeed
  readonly line: Line
  readonly upstream: ClosableUpstream
  /** Resolves when what was spent today is known. */
  readonly spendingKnown: Promise<void>
}

export function openParts(
  foundation: Foundation,
  { logLinesDropped, environment, certificate }: GatewayOptions,
): OpenParts {
  const feed = createFeed<LedgerRow>(clock.elapsed)
  const line = createLine({ clock, mostPlaces: () => foundation.config.settings().queueSize })
  const { accountFeed, library } = openWatches(foundation)
  const pool = openPool(foundation, line, accountFeed)
  const spending = createSpending({ clock, views: pool.views })
  foundation.onAccounts(pool.sync)
  const spendingKnown = readSpending(spending, foundation)
  const metrics = openMetrics(foundation, { pool, line, logLinesDropped })
  const upstream = openUpstream(foundation, environment)
  const keeping = createKeeperContext(foundation, { pool, upstream, metrics })
  const keeper = createKeeper(keeping)
  const keyUse = (id: string) => context.keyMeters.useOf(id)
  const alerts = createAlerts(foundation, { pool, spending, upstream, keyUse, environment })
  const parts = { pool, tokens: keeper.tokens, upstream, metrics, feed, line, spending, alerts, library }
  const context = createProxyContext(foundation, parts)
  warnOfRules(context.settings().rules, foundation)
  const signingIn = createSigningIn(foundation)
  return { ...parts, keeper, keeping, context, accountFeed, signingIn, certificate, spendingKnown }
}

/** What is looked after beside the traffic: changes of accounts, and the agents of workspaces. */
function openWatches({ config, log, onAccounts }: Foundation) {
  const accountFeed = createAccountFeed(clock, () => Bun.randomUUIDv7())
  onAccounts(accountFeed.sync)
  return { accountFeed, library: createAgentLibrary(config.settings, log) }
}

const openPool = ({ storage, config, log }: Foundation, line: Line, feed: AccountFeed): Pool =>
  createPool({
    clock,
    store: feed.watching(storage.health),
    events: storage.events,
    readings: storage.readings,
    sessionMs: () => config.settings().sessionDurationMs,
    circuitFaults: () => config.settings().circuitFaults,
    originOf,
    changed: line.changed,
    observe: (account, event) => logEvent(log, account, event),
  })

interface Measured extends Pick<GatewayOptions, 'logLinesDropped'> {
  readonly pool: Pool
  readonly line: Line
}

const openMetrics = ({ storage }: Foundation, { pool, line, logLinesDropped }: Measured): Metrics =>
  createMetrics({
    waiting: () => waitingByClass(line),
    ...accountGauges(pool),
    ledger: storage.ledger.status,
    logLinesDropped,
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
