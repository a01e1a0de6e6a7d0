/**
 * Who may do what among the people whom an OpenID provider vouches for: the operator's list
 * of e-mail addresses, domains and values of a claim, each with its role. Nobody that the
 * list does not name gets in.
 */
import { isAllowed } from './role.ts'
import { PERSON_ROLES, type PersonRole } from './user.ts'

/** An e-mail address, "@domain", or a value of the role's claim → the role. */
export type OidcRoles = Readonly<Record<string, PersonRole>>

/** What a provider says of somebody, as it came. */
export type Claims = Readonly<Record<string, unknown>>

/** Throws an Error that ends the sentence "The setting … …". */
export function readOidcRoles(input: unknown): OidcRoles {
  const isObject = typeof input === 'object' && input !== null && !Array.isArray(input)
  if (!isObject) throw new Error('must be an object such as {"alice@example.com": "owner"}')
  const roles = Object.entries(input).map(([who, role]): [string, PersonRole] => {
    const known = PERSON_ROLES.find((each) => each === role)
    if (known === undefined)
      throw new Error(`must be an object that gives everybody one of the roles ${PERSON_ROLES.join(', ')}`)
    return [who.includes('@') ? who.toLowerCase() : who, known]
  })
  // Without a prototype: a claim called "constructor" is nobody's role.
  return Object.assign(Object.create(null), Object.fromEntries(roles))
}

/** The highest role that the list gives; undefined: none. */
export function oidcRoleOf(claims: Claims, roles: OidcRoles, claim: string): PersonRole | undefined {
  const found = [...mailNames(claims), ...valuesOf(claim === '' ? undefined : claimAt(claims, claim))]
    .map((name) => roles[name])
    .filter((role) => role !== undefined)
  return found.reduce<PersonRole | undefined>(
    (best, role) => (best === undefined || isAllowed(role, best) ? role : best),
    undefined,
  )
}

/** Only an address that the provider has verified: at many, anybody may write any into their profile. */
function mailNames({ email, email_verified: isVerified }: Claims): readonly string[] {
  if (typeof email !== 'string' || isVerified !== true) return []
  const address = email.toLowerCase()
  return [address, address.slice(address.lastIndexOf('@'))]
}

/** "groups", or a path such as "realm_access.roles"; a claim with dots in its own name goes first. */
function claimAt(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path]
  return path
    .split('.')
    .reduce<unknown>(
      (value, part) =>
        typeof value === 'object' && value !== null && Object.hasOwn(value, part)
          ? (value as Claims)[part]
          : undefined,
      claims,
    )
}

/** A value with an @ would be taken for an address that nobody has verified. */
const valuesOf = (value: unknown): readonly string[] =>
  (Array.isArray(value) ? value : [value]).filter(
    (each): each is string => typeof each === 'string' && !each.includes('@'),
  )

/** What somebody is called, for people. */
export function oidcNameOf({ email, email_verified, preferred_username, name, sub }: Claims): string {
  const candidates = [email_verified === true ? email : undefined, preferred_username, name, sub]
  const found = candidates.find((each): each is string => typeof each === 'string' && each !== '')
  return (found ?? 'somebody').slice(0, 120)
}
