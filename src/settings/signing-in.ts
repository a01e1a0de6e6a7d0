/** How people sign in to the control plane. Declarations only. */
import { readOidcRoles } from '../core/oidc-roles.ts'
import { DAY, HOUR, MINUTE } from '../core/time.ts'
import { setting } from './setting.ts'
import { ROLES_SHAPE } from './shape.ts'
import { integer, oidcIssuer, structured, text } from './values.ts'

export const SIGNING_IN_SETTINGS = {
  signInIdleMs: setting('How long somebody stays signed in without using it.', 12 * HOUR, integer(MINUTE), {
    isHot: true,
  }),
  signInLongestMs: setting(
    'How long somebody stays signed in at most; holds for those who sign in from then on.',
    7 * DAY,
    integer(MINUTE),
    { isHot: true },
  ),
  oidcIssuer: setting(
    'The OpenID provider that people may sign in with (https://…); empty: none.',
    '',
    oidcIssuer,
    { isHot: true },
  ),
  oidcClientId: setting('What this gateway is called at the OpenID provider.', '', text, { isHot: true }),
  oidcClientSecret: setting(
    'Its secret there, from the environment or the configuration file; empty for a public client.',
    '',
    text,
    { isSecret: true },
  ),
  oidcRoleClaim: setting(
    'The claim whose values oidcRoles names, such as "groups" or "realm_access.roles".',
    '',
    text,
    { isHot: true },
  ),
  oidcRoles: setting(
    'Who may do what: e-mail address, "@domain" or value of the claim → owner, operator or viewer. Nobody else gets in.',
    {},
    structured(readOidcRoles, ROLES_SHAPE),
    { isHot: true },
  ),
} as const
