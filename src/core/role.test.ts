/** Roles: each may what those below it may, and nothing more. */
import { describe, expect, it } from 'bun:test'
import { isAllowed, type Role } from './role.ts'

const ASCENDING: readonly Role[] = ['key-holder', 'viewer', 'operator', 'owner']

describe('a role', () => {
  it.each(ASCENDING.map((role, rank) => [role, rank] as const))(
    '%s may what asks for no more',
    (role, rank) => {
      const allowed = ASCENDING.filter((needed) => isAllowed(role, needed))
      expect(allowed).toEqual(ASCENDING.slice(0, rank + 1))
    },
  )
})
