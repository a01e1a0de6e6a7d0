/**
 * The `Courier` port: each kind of channel by its own way, all within one time limit. Whatever
 * goes wrong is a sentence without the channel's address, which may be a secret.
 */
import type { ChannelConfig } from '../../core/alerts/channel.ts'
import {
  messageIdOf,
  type Notice,
  toDiscordBody,
  toSlackBody,
  toWebhookBody,
} from '../../core/alerts/notice.ts'
import type { Carried, Courier } from '../../core/ports/alerts.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Upstream } from '../../core/ports/upstream.ts'
import type { Resolver } from '../upstream/resolve.ts'
import { runCommand } from './command.ts'
import { mail } from './email.ts'
import { postNtfy } from './ntfy.ts'
import { post } from './post.ts'
import { signed } from './signature.ts'

export interface CourierOptions {
  readonly upstream: Upstream
  readonly resolver: Pick<Resolver, 'resolve'>
  readonly clock: Clock
  /** What a command may see of the gateway's environment: its PATH and the like are taken from here. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

const LIMIT_MS = 20_000

export interface ClosableCourier extends Courier {
  /** Ends what is under way: a hanging receiver must not hold up a stop. */
  close(): void
}

export function createCourier(options: CourierOptions): ClosableCourier {
  const closed = new AbortController()
  return {
    async carry(notice, config) {
      const limit = new AbortController()
      const stop = options.clock.after(LIMIT_MS, () => limit.abort())
      try {
        return await carry(notice, config, options, AbortSignal.any([limit.signal, closed.signal]))
      } catch {
        // What an unforeseen error says may hold an address.
        return { kind: 'failed', problem: `A ${config.kind} channel cannot be used as it is set up.` }
      } finally {
        stop()
      }
    },
    close: () => closed.abort(),
  }
}

async function carry(
  notice: Notice,
  config: ChannelConfig,
  options: CourierOptions,
  signal: AbortSignal,
): Promise<Carried> {
  switch (config.kind) {
    case 'webhook': {
      const body = toWebhookBody(notice)
      const headers = await signed(config.secret, messageIdOf(notice), options.clock.now(), body)
      return post({ url: config.url, headers, body }, options.upstream, signal)
    }
    case 'slack':
      return post({ url: config.url, headers: [], body: toSlackBody(notice) }, options.upstream, signal)
    case 'discord':
      return post({ url: config.url, headers: [], body: toDiscordBody(notice) }, options.upstream, signal)
    case 'ntfy':
      return postNtfy(notice, config, options.upstream, signal)
    case 'email':
      return mail(notice, config, options.resolver, signal)
    case 'command':
      return runCommand(notice, config.argv, options.environment, signal)
  }
}
