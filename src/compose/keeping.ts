/** Puts together what keeps the accounts usable, out of adapters and the live settings. */
import { createHash, randomBytes } from 'node:crypto'
import { HEALTHY } from '../core/health.ts'
import type { Upstream } from '../core/ports/upstream.ts'
import type { KeeperContext, KeeperSettings } from '../keeper/context.ts'
import { systemClock as clock } from '../platform/clock.ts'
import { parseEndpoint } from '../providers/base-url.ts'
import type { Pool } from '../proxy/pool.ts'
import type { Settings } from '../settings.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Foundation } from './foundation.ts'

export function createKeeperContext(
  { storage, config, log, secrets }: Foundation,
  {
    pool,
    upstream,
    metrics,
  }: { readonly pool: Pool; readonly upstream: Upstream; readonly metrics: Metrics },
): KeeperContext {
  return {
    clock,
    log,
    upstream,
    secrets,
    accounts: storage.accounts,
    credentials: storage.credentials,
    pool: {
      healthOf: (id) => pool.views().find(({ account }) => account.id === id)?.health ?? HEALTHY,
      failed: (id, failure) => pool.failed(id, failure, undefined),
      polled: pool.polled,
      learned: pool.learned,
    },
    settings: () => toKeeperSettings(config.settings()),
    holder: Bun.randomUUIDv7(),
    newId: () => randomBytes(32).toString('base64url'),
    randomText: () => randomBytes(32).toString('base64url'),
    challengeOf: (text) => createHash('sha256').update(text).digest('base64url'),
    observe: { renewed: metrics.renewed, polled: metrics.polled },
    pacing: { readings: storage.readings, paced: pool.paced },
  }
}

function toKeeperSettings(settings: Settings): KeeperSettings {
  const tokenEndpoint = parseEndpoint(settings.anthropicOauthUrl)
  if (tokenEndpoint === undefined) throw new Error('The setting anthropicOauthUrl was checked and is no URL.')
  return {
    clientId: settings.clientId,
    tokenEndpoint,
    authorizeUrl: settings.anthropicAuthorizeUrl,
    redirectUri: settings.oauthRedirectUrl,
    usagePollMs: settings.usagePollMs,
  }
}
