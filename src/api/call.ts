/** One call of the API as its handler sees it: who calls, and a way to say what was changed. Types only. */
import type { Role } from '../core/role.ts'
import type { Visit } from '../core/visit.ts'

export interface Caller {
  /** For people: "admin token", a user's name, a key's name. */
  readonly name: string
  readonly role: Role
  /** Of the client key that it came with. */
  readonly keyId?: string
  /** The client's address. */
  readonly peer: string
  /** Where a browser's cookie vouches for the caller. */
  readonly visit?: Visit
}

export interface Call {
  readonly caller: Caller
  /** The page that the call says it comes from; browsers say it of every call that changes something. */
  readonly origin: string | undefined
  /** Sends a cookie with the answer. */
  setCookie(cookie: string): void
  /**
   * Says what the call has changed, for the audit log. Without it the log says only that the
   * route was called, and on what. Must never be given a secret.
   */
  changed(change: Change): void
}

export interface Change {
  /** What was changed, by the name that people know it by. */
  readonly target?: string
  /** What it was and what it has become, as JSON; absent where there was or is nothing. */
  readonly from?: unknown
  readonly to?: unknown
  /** Who made it, where that was known only after the call: whoever has just signed in. */
  readonly by?: Caller
}

/** A change, with who made it and through which route. */
export interface AuditEntry extends Change {
  readonly caller: Caller
  /** The route's name in the contract. */
  readonly action: string
}
