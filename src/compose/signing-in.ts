/** Puts together the ways into the control plane. No decisions: they are in door/ and core/. */
import type { DoorService } from '../api/door.ts'
import { readOidcRoles } from '../core/oidc-roles.ts'
import type { Passwords } from '../core/ports/people.ts'
import { later } from '../core/time.ts'
import { hasUser } from '../core/visit.ts'
import { createLinks, LINK_LIFE_MS } from '../door/links.ts'
import { createOidcSignIn, type OidcSettings } from '../door/oidc.ts'
import type { SecretSource } from '../door/secrets.ts'
import { createSignIn } from '../door/sign-in.ts'
import { createVisits, type Visits } from '../door/visits.ts'
import { systemClock as clock } from '../platform/clock.ts'
import { sha256 } from '../platform/digest.ts'
import { createIdentityProvider } from '../platform/oidc.ts'
import { createPasswords } from '../platform/passwords.ts'
import type { Settings } from '../settings.ts'
import type { Foundation } from './foundation.ts'

export interface SigningIn {
  readonly visits: Visits
  readonly passwords: Passwords
  readonly door: DoorService
}

const SECRETS: SecretSource = {
  make(prefix) {
    const secret = `${prefix}${crypto.getRandomValues(Buffer.alloc(32)).toString('base64url')}`
    return { secret, digest: sha256(secret) }
  },
  digest: sha256,
  newId: () => Bun.randomUUIDv7(),
}

export function createSigningIn({ storage, config, secrets, log }: Foundation): SigningIn {
  const { settings } = config
  const limits = () => ({ idleMs: settings().signInIdleMs, longestMs: settings().signInLongestMs })
  const visits = createVisits({
    store: storage.visits,
    secrets: SECRETS,
    clock,
    isWelcome: (visit) => hasUser(visit, storage.users.all()),
    limits,
  })
  const links = createLinks(SECRETS, clock.elapsed)
  const passwords = createPasswords()
  const { users, audit } = storage
  const signIn = createSignIn({ links, visits, users, passwords, audit, secrets: SECRETS, clock, log })
  const oidc = createOidcSignIn({
    settings: () => oidcOf(settings()),
    provider: createIdentityProvider(clock.elapsed),
    secrets,
    clock,
    visits,
    failed: signIn.failed,
  })
  const door: DoorService = {
    makeLink: (bearer) => ({ token: links.make(bearer), expiresAt: later(clock.now(), LINK_LIFE_MS) }),
    withLink: signIn.withLink,
    withPassword: signIn.withPassword,
    beginOidc: oidc.begin,
    finishOidc: oidc.finish,
    visits: visits.all,
    end: visits.end,
    endUser(id) {
      links.forget(id)
      return visits.endOf(id)
    },
    facts: () => ({ hasOidc: oidc.isSetUp(), ...placeOf(settings()) }),
  }
  return { visits, passwords, door }
}

function placeOf({ publicUrl, tlsCert }: Settings) {
  const origin = publicUrl === '' ? undefined : new URL(publicUrl).origin
  return { publicUrl: origin, isSecure: origin?.startsWith('https:') ?? tlsCert !== '' }
}

function oidcOf({ oidcIssuer, ...settings }: Settings): OidcSettings | undefined {
  if (oidcIssuer === '' || settings.oidcClientId === '') return undefined
  return {
    issuer: oidcIssuer,
    clientId: settings.oidcClientId,
    clientSecret: settings.oidcClientSecret,
    roleClaim: settings.oidcRoleClaim,
    roles: readOidcRoles(settings.oidcRoles),
  }
}
