/**
 * A visit: a browser that somebody has signed in with, from then until it signs out, stays
 * away for too long or has been there for as long as any may. Its secret is in the browser's
 * cookie and nowhere else; here is its digest. Must not touch a clock.
 */
import type { Millis } from './time.ts'
import type { PersonRole, User } from './user.ts'

/** How somebody has signed in. */
export type SignInWay = 'link' | 'password' | 'oidc'

export interface Visit {
  readonly id: string
  /** Lower-case hexadecimal SHA-256 of the cookie's secret. */
  readonly digest: string
  /** For people: a user's name, an e-mail address, who made the link. */
  readonly name: string
  readonly role: PersonRole
  readonly way: SignInWay
  /** The user whose password it was, or who made the link; undefined: not one of ours. */
  readonly userId: string | undefined
  /** The client's address at the time. */
  readonly peer: string
  readonly createdAt: Millis
  readonly usedAt: Millis
  /** When it is over, however much it is used. */
  readonly endsAt: Millis
}

/** Whether its user is there, may come in and has the same role; whoever is no user of ours needs none. */
export const hasUser = ({ userId, role }: Visit, users: readonly User[]): boolean =>
  userId === undefined ||
  users.some((user) => user.id === userId && user.disabledAt === undefined && user.role === role)

/** Over since it ended, or since nobody has used it for `idleMs`. */
export const isOver = ({ endsAt, usedAt }: Visit, now: Millis, idleMs: number): boolean =>
  now >= endsAt || now - usedAt >= idleMs
