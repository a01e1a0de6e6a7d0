/**
 * The control plane's door: who somebody is by what they bring, how often a wrong credential
 * may be tried, and what is written down of changes. No decisions: what a role may is
 * core/role.ts, who gets a cookie is door/.
 */
import { timingSafeEqual } from 'node:crypto'
import type { AppOptions, Visitor } from '../api/app.ts'
import type { AuditEntry, Caller } from '../api/call.ts'
import { credentialsOf, isExpired, isUsable } from '../core/access.ts'
import { sessionSecretIn } from '../core/cookie.ts'
import { GatewayError } from '../core/error.ts'
import { forgeryIn } from '../core/own-page.ts'
import type { Visits } from '../door/visits.ts'
import { systemClock as clock } from '../platform/clock.ts'
import { sha256 } from '../platform/digest.ts'
import { createAttemptLimit } from './attempt-limit.ts'
import type { Foundation } from './foundation.ts'

const WRONG_TOKENS_A_MINUTE = 20

export function createDoor(
  foundation: Foundation,
  visits: Visits,
): Pick<AppOptions, 'identify' | 'isBlocked' | 'audit'> {
  const { directory, config, storage } = foundation
  const adminDigest = sha256(directory.adminToken)
  const isFull = createAttemptLimit(WRONG_TOKENS_A_MINUTE, clock.elapsed)
  return {
    // One credential, and a wrong token is not made good by a cookie that the browser added.
    identify(visitor) {
      if (!hasCredential(visitor)) return visitorBy(visitor, visits, config.settings().tlsCert !== '')
      const authorization = visitor.headers.get('authorization') ?? ''
      const token = /^bearer\s+(\S+)$/i.exec(authorization)?.[1]
      const isAdmin = token !== undefined && isSame(sha256(token), adminDigest)
      return isAdmin
        ? { name: 'admin token', role: 'owner', peer: visitor.peer }
        : keyHolderOf(visitor, storage)
    },
    // Who brings nothing guesses nothing: a page whose sign-in has ended is to be told that.
    isBlocked: (visitor) => hasCredential(visitor) && isFull(visitor.peer),
    audit: (entry) => writeDown(entry, foundation),
  }
}

const hasCredential = ({ headers }: Visitor): boolean =>
  headers.has('authorization') || headers.has('x-api-key')

function visitorBy({ headers, method, peer }: Visitor, visits: Visits, isTls: boolean): Caller | undefined {
  const secret = sessionSecretIn(headers.get('cookie') ?? undefined, isTls)
  const visit = secret === undefined ? undefined : visits.of(secret)
  if (visit === undefined) return undefined
  const forgery = forgeryIn({
    method,
    contentType: headers.get('content-type') ?? undefined,
    origin: headers.get('origin') ?? undefined,
    fetchSite: headers.get('sec-fetch-site') ?? undefined,
  })
  if (forgery !== undefined) throw new GatewayError('forbidden', forgery)
  return { name: visit.name, role: visit.role, peer, visit }
}

/** The change is made: where it cannot be written down any more, the log at least says so. */
async function writeDown(
  { action, target, from, to, caller }: AuditEntry,
  { storage, log }: Foundation,
): Promise<void> {
  const { name: who, role, peer } = caller
  log.info('A change was made through the API.', { action, target, by: who, peer })
  const at = clock.now()
  try {
    await storage.audit.add({ id: Bun.randomUUIDv7(), at, who, role, peer, action, target, from, to })
  } catch (error) {
    log.error('A change could not be written to the audit log.', error)
  }
}

/** Whoever comes with a client key that counts: it may look at its own page. */
function keyHolderOf({ headers, peer }: Visitor, { keys }: Foundation['storage']): Caller | undefined {
  const key = credentialsOf([...headers])
    .map((credential) => keys.byDigest(sha256(credential)))
    .find((each) => each !== undefined && isUsable(each) && !isExpired(each, clock.now()))
  return key && { name: key.name, role: 'key-holder', keyId: key.id, peer }
}

/** In constant time: both are digests of one length. */
const isSame = (a: string, b: string): boolean => timingSafeEqual(Buffer.from(a), Buffer.from(b))
