/**
 * May this client use the gateway? Keys are 256 random bits and stored as their SHA-256, so
 * one look-up by digest is all it takes. Must not see a digest's secret or touch a clock.
 */
import type { Headers } from './headers.ts'
import type { EndpointName, KeyLimits } from './key-limits.ts'
import type { RequestClass } from './rules.ts'
import type { StrategyName } from './strategies.ts'
import type { Millis } from './time.ts'

export interface ClientKey {
  readonly id: string
  readonly name: string
  /** Lower-case hexadecimal SHA-256 of the secret. */
  readonly digest: string
  /** The last characters of the secret, to tell keys apart. */
  readonly hint: string
  readonly createdAt: Millis
  readonly disabledAt: Millis | undefined
  readonly revokedAt: Millis | undefined
  readonly rules: KeyRules
}

/** What the operator says about the requests of one key; absent: as for everybody. */
export interface KeyRules extends KeyLimits {
  /** The pool that serves it, and the only one it may name. */
  readonly pool?: string
  /** A background key's requests are never interactive. */
  readonly class?: RequestClass
  /** How long it would rather wait than be refused when everything is limited. */
  readonly holdMs?: number
  readonly runaway?: RunawayPolicy
  /** The model asked for, or its family → the model wanted instead. */
  readonly models?: Readonly<Record<string, string>>
  /** What is kept of bodies, as core/payload.ts reads it. */
  readonly payloads?: string
  /** Names, families, or the beginning of a name with a star: it may ask for no others. */
  readonly allowedModels?: readonly string[]
  /** Only accounts of these groups serve it. */
  readonly groups?: readonly string[]
  /** In the place of its pool's and of the one in force. */
  readonly strategy?: StrategyName
  readonly endpoints?: readonly EndpointName[]
  /** From then on it is no key any more. */
  readonly expiresAt?: Millis
}

/** What happens to a client that seems to have run away. */
export type RunawayPolicy = 'off' | 'warn' | 'refuse'

export type KeyPolicy = 'auto' | 'always' | 'off'

export const KEY_PREFIX = 'spk_'

/**
 * Whether clients must show a key: beyond loopback always (G12). A revoked key still counts:
 * revoking the last one must not open the door.
 */
export const isKeyRequired = (policy: KeyPolicy, hasKeys: boolean, isLoopback: boolean): boolean =>
  policy === 'always' || !isLoopback || (policy === 'auto' && hasKeys)

/** Every credential that a request carries, the API-key header first. */
export function credentialsOf(headers: Headers): readonly string[] {
  const found: string[] = []
  for (const [name, value] of headers) {
    if (name === 'x-api-key') found.unshift(value.trim())
    if (name === 'authorization' && BEARER.test(value)) found.push(value.replace(BEARER, '').trim())
  }
  return found
}

const BEARER = /^bearer\s+/i

export const isUsable = (key: ClientKey): boolean =>
  key.disabledAt === undefined && key.revokedAt === undefined

export const isExpired = ({ rules: { expiresAt } }: Pick<ClientKey, 'rules'>, now: Millis): boolean =>
  expiresAt !== undefined && expiresAt <= now

const LOOPBACK_NAME = /^(?:localhost|(?:[a-z0-9-]+\.)*localhost)$/

/** Whether a listening address can be reached from this machine only. */
export const isLoopbackHost = (host: string): boolean =>
  LOOPBACK_NAME.test(host) ||
  /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host) ||
  host === '::1' ||
  host === '[::1]'
