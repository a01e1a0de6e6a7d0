/**
 * The door: which client is this, and may it come in? Carries out what core/access.ts and
 * core/origin.ts decide. A key is looked up by its digest, so nothing is compared that could
 * be guessed byte by byte.
 */
import { type ClientKey, credentialsOf, isExpired, isKeyRequired, isUsable } from '../core/access.ts'
import { GatewayError } from '../core/error.ts'
import type { ClientRequest } from '../core/ports/client.ts'
import { type Millis, toIso } from '../core/time.ts'
import type { Observer, ProxyContext } from './context.ts'
import type { ProxySettings } from './settings.ts'

/** What of the proxy's context the door needs. */
export interface Door extends Pick<ProxyContext, 'keys' | 'sha256' | 'isBlocked' | 'clock'> {
  readonly settings: () => Pick<ProxySettings, 'keyPolicy' | 'isLoopback'>
  readonly observe: Pick<Observer, 'keyRefused'>
}

/** The key that the client used; undefined where none is needed. Throws `unauthenticated` or `too-many-attempts`. */
export function admit(
  { headers, peer }: Pick<ClientRequest, 'headers' | 'peer'>,
  context: Door,
): ClientKey | undefined {
  const { keys, settings, sha256, isBlocked } = context
  const { keyPolicy, isLoopback } = settings()
  if (!isKeyRequired(keyPolicy, keys.all().length > 0, isLoopback)) return undefined
  const credentials = credentialsOf(headers)
  for (const credential of credentials) {
    const key = keys.byDigest(sha256(credential))
    if (key === undefined || !isUsable(key)) continue
    if (isExpired(key, context.clock.now())) throw expired(key, context)
    return key
  }
  if (credentials.length === 0) throw new GatewayError('unauthenticated', MISSING)
  throw isBlocked(peer)
    ? new GatewayError('too-many-attempts', BLOCKED)
    : new GatewayError('unauthenticated', INVALID)
}

function expired({ name, rules }: ClientKey, { observe }: Door): GatewayError {
  observe.keyRefused(name, 'expired')
  const since = toIso(rules.expiresAt ?? (0 as Millis))
  const message = `The key "${name}" has expired (${since}). "spillway keys set ${name} --expires <time>" lets it in again.`
  return new GatewayError('unauthenticated', message)
}

const HOW = 'Send a client key in x-api-key or as a Bearer token; "spillway keys create <name>" makes one.'
const MISSING = `This gateway asks for a client key, and the request carries none. ${HOW}`
const INVALID = `The request’s key is not one of this gateway’s, or it is disabled or revoked. ${HOW}`
const BLOCKED = 'Too many wrong keys came from this address; try again in a minute.'
