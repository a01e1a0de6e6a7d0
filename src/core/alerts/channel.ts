/**
 * Ways to tell somebody: what each has to know, what people may see of that, and when a
 * delivery that failed is tried again. Must not send anything.
 */
import type { SealedSecret } from '../account.ts'
import { HOUR, type Millis, SECOND } from '../time.ts'

export const CHANNEL_KINDS = ['webhook', 'slack', 'discord', 'ntfy', 'email', 'command'] as const
export type ChannelKind = (typeof CHANNEL_KINDS)[number]

/** Sealed whole: the addresses of Slack and Discord are secrets themselves. */
export type ChannelConfig =
  | { readonly kind: 'webhook'; readonly url: string; readonly secret: string }
  | { readonly kind: 'slack' | 'discord'; readonly url: string }
  /** `url`: the server's and the topic's. */
  | { readonly kind: 'ntfy'; readonly url: string; readonly token?: string }
  | EmailConfig
  | { readonly kind: 'command'; readonly argv: readonly string[] }

export interface EmailConfig {
  readonly kind: 'email'
  readonly host: string
  readonly port: number
  /** `tls` from the first byte, `starttls` before anything is said, `none` for a relay on this machine. */
  readonly security: 'tls' | 'starttls' | 'none'
  readonly username?: string
  readonly password?: string
  readonly from: string
  readonly to: readonly string[]
}

export interface AlertChannel {
  readonly id: string
  readonly name: string
  readonly kind: ChannelKind
  readonly isEnabled: boolean
  readonly config: SealedSecret
  readonly createdAt: Millis
}

/** Where a channel leads, without what must not be seen. */
export function targetOf(config: ChannelConfig): string {
  switch (config.kind) {
    case 'webhook':
    case 'slack':
    case 'discord':
    case 'ntfy':
      return `${URL.parse(config.url)?.origin ?? 'an address'}/…`
    case 'email':
      return `${config.to.join(', ')} by ${config.host}:${config.port}`
    case 'command':
      return config.argv[0] ?? ''
  }
}

const FIRST_RETRY_GROWTH = 4
const MOST_PAUSE_MS = 12 * HOUR
/** With a first pause of ten seconds the last attempt comes fifteen hours after the first. */
export const MOST_ATTEMPTS = 8
const JITTER = 0.2

/** How long to wait after so many attempts have failed; undefined: no more. `chance` is between 0 and 1. */
export function retryPause(attempts: number, firstMs: number, chance: number): number | undefined {
  if (attempts >= MOST_ATTEMPTS) return undefined
  const pause = Math.min(MOST_PAUSE_MS, firstMs * FIRST_RETRY_GROWTH ** (attempts - 1))
  return Math.round(pause * (1 - JITTER + 2 * JITTER * chance))
}

/** What a receiver may ask us to wait for (`retry-after` in seconds). */
const MOST_ASKED_MS = HOUR

export function readRetryAfter(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,9}$/.test(text.trim())) return undefined
  return Math.min(MOST_ASKED_MS, Number(text) * SECOND)
}

/** What this program sealed itself. */
export const readChannelConfig = (text: string): ChannelConfig => JSON.parse(text)
