/** Puts together what the request path works with, out of adapters and the live settings. */

import { isLoopbackHost } from '../core/access.ts'
import { GatewayError } from '../core/error.ts'
import type { LedgerRow } from '../core/ledger.ts'
import { readPayloadRule } from '../core/payload.ts'
import type { Tokens } from '../core/ports/tokens.ts'
import type { Upstream } from '../core/ports/upstream.ts'
import { systemClock as clock } from '../platform/clock.ts'
import { decodeCopy } from '../platform/decode.ts'
import { digestParts, fingerprint, sha256 } from '../platform/digest.ts'
import { parseEndpoint } from '../providers/base-url.ts'
import { createBrake } from '../proxy/brake.ts'
import { createRetryBudget } from '../proxy/budget.ts'
import type { ProxyContext } from '../proxy/context.ts'
import { createKeyMeters } from '../proxy/key-meters.ts'
import type { Line } from '../proxy/line.ts'
import type { Pool } from '../proxy/pool.ts'
import { createPoolMeters } from '../proxy/pool-limits.ts'
import type { ProxySettings } from '../proxy/settings.ts'
import type { Spending } from '../proxy/spending.ts'
import type { Settings } from '../settings.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { AgentLibrary } from './agents.ts'
import type { Alerts } from './alerts.ts'
import { createAttemptLimit } from './attempt-limit.ts'
import { createCacheWatch } from './cache-watch.ts'
import type { Feed } from './feed.ts'
import type { Foundation } from './foundation.ts'
import { memoized } from './memoized.ts'
import { rulesOf } from './routing-rules.ts'

export interface ProxyParts {
  readonly pool: Pool
  readonly tokens: Tokens
  readonly upstream: Upstream
  readonly metrics: Metrics
  readonly feed: Feed<LedgerRow>
  readonly line: Line
  readonly spending: Spending
  readonly alerts: Pick<Alerts, 'booked'>
  readonly library: AgentLibrary
}

export function createProxyContext(
  { storage, payloads, config, log, secrets }: Foundation,
  parts: ProxyParts,
): ProxyContext {
  const { pool, tokens, upstream, metrics, feed, line, spending, alerts } = parts
  const unpriced = new Set<string>()
  return {
    clock,
    log,
    upstream,
    secrets,
    tokens,
    pool,
    meters: createPoolMeters(pool, clock),
    keys: storage.keys,
    keyMeters: createKeyMeters(clock, storage.keyUsage.counted),
    bindings: storage.bindings,
    pins: storage.pins,
    ...createCacheWatch(() => parts.library.present().definitions),
    owners: storage.owners,
    ledger: storage.ledger,
    payloads,
    budget: createRetryBudget(clock.elapsed),
    line,
    spending,
    brake: createBrake({ clock }),
    settings: memoized(config.settings, toProxySettings),
    newId: () => Bun.randomUUIDv7(),
    sha256,
    digest: digestParts,
    fingerprint,
    isBlocked: createAttemptLimit(WRONG_KEYS_A_MINUTE, clock.elapsed),
    decode: decodeCopy,
    observe: {
      ...metrics,
      booked(row) {
        metrics.booked(row)
        if (row.accountId !== undefined) spending.spent(row.accountId, row.costUsd ?? 0)
        feed.push(row)
        alerts.booked(row)
      },
      unpriced(model, request) {
        if (unpriced.has(model) || unpriced.size > MOST_UNPRICED) return
        unpriced.add(model)
        log.warn('A model is not in the price list; its requests show no cost.', { model, request })
      },
    },
  }
}

const MOST_UNPRICED = 1_000
const WRONG_KEYS_A_MINUTE = 100

function toProxySettings(settings: Settings): ProxySettings {
  const fallback = parseEndpoint(settings.anthropicUrl)
  if (fallback === undefined) throw new GatewayError('bad-request', 'The setting anthropicUrl is not a URL.')
  return {
    strategy: settings.strategy,
    sessionMs: settings.sessionDurationMs,
    retry: {
      attemptsPerAccount: settings.retryAttempts,
      delayMs: settings.retryDelayMs,
      backoff: settings.retryBackoff,
      patienceMs: settings.patienceMs,
      queueMs: settings.queueMs,
      throttleWaitMs: settings.throttleWaitMs,
      circuitFaults: settings.circuitFaults,
      waitUsdPerSecond: settings.waitUsdPerSecond,
    },
    rules: rulesOf(settings),
    hedgeMs: settings.hedgeMs,
    runaway: settings.runaway,
    brake: { repeats: settings.runawayRepeats, tokensPerMinute: settings.runawayTokensPerMinute },
    keyPolicy: settings.requireKeys,
    isLoopback: isLoopbackHost(settings.host),
    isSecure: settings.tlsCert !== '',
    publicUrl: settings.publicUrl.replace(/\/+$/, ''),
    maxBodyBytes: settings.maxBodyBytes,
    times: {
      connectMs: settings.connectTimeoutMs,
      headersMs: settings.headersTimeoutMs,
      contentMs: settings.contentTimeoutMs,
      idleMs: settings.idleTimeoutMs,
      totalMs: settings.totalTimeoutMs,
      holdMs: settings.holdMs,
    },
    limitHeaders: settings.limitHeaders,
    payloads: readPayloadRule(settings.payloads) ?? { kind: 'off' },
    payloadMaxBytes: settings.payloadMaxBytes,
    fallback,
  }
}
