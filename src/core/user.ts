/**
 * People who sign in with a name and a password, and what may not happen to them: that
 * nobody is left who may do everything. Must not see a password.
 */
import type { Role } from './role.ts'
import type { Millis } from './time.ts'

/** A key's holder has no business at the control plane beyond its own key. */
export type PersonRole = Exclude<Role, 'key-holder'>

export const PERSON_ROLES = ['owner', 'operator', 'viewer'] as const satisfies readonly PersonRole[]

export interface User {
  readonly id: string
  /** Unique. */
  readonly name: string
  readonly role: PersonRole
  /** argon2id, in the PHC form. */
  readonly passwordHash: string
  readonly createdAt: Millis
  readonly disabledAt: Millis | undefined
}

export type UserChange = Partial<Pick<User, 'name' | 'role' | 'passwordHash' | 'disabledAt'>>

const isActiveOwner = ({ role, disabledAt }: User): boolean => role === 'owner' && disabledAt === undefined

/** Whether no owner could sign in with a password any more if `user` became `next` (undefined: removed). */
export function leavesNoOwner(users: readonly User[], user: User, next: User | undefined): boolean {
  if (!isActiveOwner(user) || (next !== undefined && isActiveOwner(next))) return false
  return !users.some((each) => each.id !== user.id && isActiveOwner(each))
}
