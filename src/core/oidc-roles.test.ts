/** Only whom the operator's list names gets in, and only by what the provider vouches for. */
import { describe, expect, it } from 'bun:test'
import { oidcNameOf, oidcRoleOf, readOidcRoles } from './oidc-roles.ts'

const ROLES = readOidcRoles({
  'Alice@Example.com': 'owner',
  '@example.com': 'viewer',
  admins: 'owner',
  'on-call': 'operator',
})
const verified = (email: string) => ({ sub: '1', email, email_verified: true })
const roleOf = (claims: Readonly<Record<string, unknown>>, claim = 'groups') =>
  oidcRoleOf(claims, ROLES, claim)

describe('the role of somebody whom a provider vouches for', () => {
  it.each([
    ['their address, in whatever case', verified('ALICE@example.com'), 'owner'],
    ['their domain', verified('bob@example.com'), 'viewer'],
    ['a value of the claim', { groups: ['staff', 'on-call'] }, 'operator'],
    ['the claim’s only value', { groups: 'admins' }, 'owner'],
    [
      'the highest of what they have',
      { ...verified('bob@example.com'), groups: ['on-call', 'admins'] },
      'owner',
    ],
  ] as const)('is that of %s', (_what, claims, role) => expect(roleOf(claims)).toBe(role))

  it.each([
    ['nobody on the list', verified('eve@evil.example')],
    ['an address that nobody has verified', { email: 'alice@example.com' }],
    ['an address that is said not to be verified', { email: 'alice@example.com', email_verified: false }],
    ['a verified that is a word', { email: 'alice@example.com', email_verified: 'true' }],
    ['a domain that only ends like ours', verified('eve@notexample.com')],
    ['an address with ours in its name', verified('alice@example.com@evil.example')],
    ['a claim’s value that looks like an address', { groups: ['alice@example.com', '@example.com'] }],
    ['a value that every object has', { groups: ['constructor', '__proto__', 'toString'] }],
    ['another claim', { roles: ['admins'] }],
    ['nothing', {}],
  ])('is none for %s', (_what, claims) => expect(roleOf(claims)).toBeUndefined())

  it('may stand in a claim within a claim, or in one with dots in its name', () => {
    expect(roleOf({ realm_access: { roles: ['admins'] } }, 'realm_access.roles')).toBe('owner')
    expect(roleOf({ 'https://x.example/roles': ['admins'] }, 'https://x.example/roles')).toBe('owner')
    expect(roleOf({ realm_access: 'admins' }, 'realm_access.roles')).toBeUndefined()
  })

  it('is by no claim where none is named', () =>
    expect(roleOf({ '': 'admins', groups: 'admins' }, '')).toBeUndefined())
})

describe('the list', () => {
  it.each([
    ['a text', 'admins'],
    ['a list', ['admins']],
    ['nothing', null],
    ['a role that there is not', { admins: 'root' }],
    ['a key’s role', { admins: 'key-holder' }],
  ])('is not %s', (_what, input) => expect(() => readOidcRoles(input)).toThrow(/^must /))
})

describe('the name of somebody', () => {
  it.each([
    ['their verified address', { sub: '1', email: 'a@x', email_verified: true, name: 'A' }, 'a@x'],
    ['never an address that nobody verified', { sub: '1', email: 'a@x', name: 'A' }, 'A'],
    ['what the provider calls them', { sub: '1', preferred_username: 'al', name: 'A' }, 'al'],
    ['at least their number', { sub: '1' }, '1'],
  ])('is %s', (_what, claims, name) => expect(oidcNameOf(claims)).toBe(name))
})
