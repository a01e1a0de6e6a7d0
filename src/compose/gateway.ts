/**
 * Builds the gateway from a data directory and a configuration, without listening yet. The
 * server listens with its `handler`; a command without a server talks to its `app` in its
 * own process. No decisions here.
 */
import type { App, AppOptions } from '../api/app.ts'
import type { RequestHandler } from '../core/ports/client.ts'
import type { Log } from '../core/ports/log.ts'
import { systemClock as clock } from '../platform/clock.ts'
import { serveWeb } from '../platform/web.ts'
import { createProxy } from '../proxy/proxy.ts'
import type { Settings } from '../settings.ts'
import { createDispatch } from './dispatch.ts'
import { createDoor } from './door.ts'
import type { Foundation } from './foundation.ts'
import { startHistory } from './history.ts'
import { createNetworks, type Networks } from './networks.ts'
import { type GatewayOptions, openParts } from './parts.ts'
import { startRetention } from './retention.ts'
import { hasBudgets } from './routing-start.ts'
import { toServices } from './services.ts'

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

export function createGateway(foundation: Foundation, options: GatewayOptions): Gateway {
  const { storage, config, log, directory } = foundation
  const parts = openParts(foundation, options)
  const { line, context, keeper, alerts, signingIn, spendingKnown } = parts
  const app = createLazyApp({
    services: toServices(foundation, parts),
    log,
    ...createDoor(foundation, signingIn.visits),
  })
  const stopRetention = startRetention(foundation, clock)
  const stopHistory = startHistory(foundation.storage, { clock, log })
  let stopKeeping = (): void => {}
  return {
    ...openEntrance(foundation, createProxy(context), app),
    app,
    settings: config.settings,
    ready: () => (hasBudgets(context.settings().rules) ? spendingKnown : Promise.resolve()),
    log,
    adminToken: directory.adminToken,
    makeSignInLink: () => signingIn.door.makeLink({ name: 'start', userId: undefined }).token,
    accountCount: () => storage.accounts.all().length,
    endFeeds() {
      for (const { end } of [parts.feed, parts.accountFeed, foundation.logs]) end()
    },
    endWaits: line.stop,
    keepAccounts() {
      stopKeeping = keeper.start()
      alerts.start()
    },
    async close() {
      stopKeeping()
      stopRetention()
      parts.library.stop()
      stopHistory()
      // A renewed token has to be stored before the storage is closed, and nothing read after that.
      await Promise.all([keeper.settled(), spendingKnown, alerts.stop()])
      parts.upstream.close()
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
