/**
 * What letting people in needs from the world: who may sign in, who is signed in, what was
 * done, how passwords are checked, and whoever else vouches for somebody.
 */
import type { Claims } from '../oidc-roles.ts'
import type { Role } from '../role.ts'
import type { Millis } from '../time.ts'
import type { User, UserChange } from '../user.ts'
import type { Visit } from '../visit.ts'

export interface UserStore {
  /** By name. */
  all(): readonly User[]
  /** Throws GatewayError `conflict` when the name is taken. */
  add(user: User): Promise<void>
  /** Throws `not-found`, or `conflict` when the new name is taken. */
  change(id: string, change: UserChange): Promise<User>
  remove(id: string): Promise<void>
}

export interface VisitStore {
  /** Oldest first. */
  all(): readonly Visit[]
  byDigest(digest: string): Visit | undefined
  add(visit: Visit): Promise<void>
  /** Written behind: it changes with use. */
  touch(id: string, usedAt: Millis): void
  remove(ids: readonly string[]): Promise<void>
}

export interface AuditRecord {
  readonly id: string
  readonly at: Millis
  readonly who: string
  readonly role: Role | undefined
  /** The client's address. */
  readonly peer: string
  /** The route's name in the contract, or `signInFailed`. */
  readonly action: string
  readonly target: string | undefined
  readonly from: unknown
  readonly to: unknown
}

export interface AuditFilter {
  readonly action?: string
  readonly who?: string
  readonly since?: Millis
  /** Entries older than this one only: the page's last id. */
  readonly before?: string
  readonly limit: number
}

/** Bounded: the oldest go when new ones come, and failed sign-ins push out only their like. */
export interface AuditLog {
  /** Throws GatewayError when it could not be written. */
  add(record: AuditRecord): Promise<void>
  /** Newest first. */
  list(filter: AuditFilter): Promise<readonly AuditRecord[]>
}

export interface Passwords {
  /** Throws GatewayError `too-many-attempts` when too many are being worked on. */
  hash(password: string): Promise<string>
  /** Takes as long for nobody (undefined) as for somebody. Throws like `hash`. */
  verify(password: string, hash: string | undefined): Promise<boolean>
}

/** How a client of an OpenID provider is known there. */
export interface OidcClient {
  readonly issuer: string
  readonly clientId: string
  /** Empty: a public client. */
  readonly clientSecret: string
}

/** What has to be remembered while somebody is at the provider. */
export interface OidcFlow {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
  readonly redirectUri: string
}

export interface IdentityProvider {
  /** Where the browser is sent. Throws GatewayError with a sentence when the provider cannot be reached. */
  begin(client: OidcClient, redirectUri: string): Promise<{ readonly url: string; readonly flow: OidcFlow }>
  /** `query` as the provider sent it back. Throws GatewayError with a sentence about what was refused. */
  finish(client: OidcClient, query: URLSearchParams, flow: OidcFlow): Promise<Claims>
}
