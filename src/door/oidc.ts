/**
 * Signing in by an OpenID provider: the way there and back. What has to be remembered meanwhile
 * travels sealed in the browser's own cookie, so that nothing here grows with visitors and no
 * other browser can finish what this one began. Who gets in is core/oidc-roles.ts.
 */
import { toSealedSecret } from '../core/account.ts'
import { GatewayError } from '../core/error.ts'
import { type OidcRoles, oidcNameOf, oidcRoleOf } from '../core/oidc-roles.ts'
import type { Clock } from '../core/ports/clock.ts'
import type { IdentityProvider, OidcClient, OidcFlow } from '../core/ports/people.ts'
import type { SecretBox } from '../core/ports/secrets.ts'
import { MINUTE } from '../core/time.ts'
import type { SignIn } from './sign-in.ts'
import type { BegunVisit, Visits } from './visits.ts'

const FLOW_LIFE_MS = 10 * MINUTE
const CALLBACK_PATH = '/api/sign-in/oidc/callback'

export interface OidcSettings extends OidcClient {
  readonly roleClaim: string
  readonly roles: OidcRoles
}

export interface OidcOptions {
  /** Undefined where no provider is set up. */
  readonly settings: () => OidcSettings | undefined
  readonly provider: IdentityProvider
  readonly secrets: SecretBox
  readonly clock: Clock
  readonly visits: Visits
  readonly failed: SignIn['failed']
}

export interface OidcSignIn {
  readonly isSetUp: () => boolean
  /** `origin`: this gateway's, as the browser knows it. Both throw GatewayError. */
  begin(origin: string): Promise<{ readonly url: string; readonly flow: string }>
  finish(query: URLSearchParams, flow: string | undefined, peer: string): Promise<BegunVisit>
}

export function createOidcSignIn(options: OidcOptions): OidcSignIn {
  const { settings, provider, secrets, clock } = options
  return {
    isSetUp: () => settings() !== undefined,
    async begin(origin) {
      const { url, flow } = await provider.begin(needed(settings()), `${origin}${CALLBACK_PATH}`)
      const text = JSON.stringify({ ...flow, until: clock.now() + FLOW_LIFE_MS })
      return { url, flow: secrets.seal('sign-in-flow', 'oidc', text) }
    },
    async finish(query, sealed, peer) {
      const present = needed(settings())
      const flow = openFlow(sealed, options)
      const claims = await claimsOf(present, query, flow, { ...options, peer })
      const role = oidcRoleOf(claims, present.roles, present.roleClaim)
      const name = oidcNameOf(claims)
      if (role === undefined) {
        await options.failed({ who: undefined, way: 'oidc', reason: `no role for ${name}`, peer })
        throw new GatewayError(
          'forbidden',
          `${name} is known to the provider, but has no role here. An owner can add one to the setting oidcRoles.`,
        )
      }
      return options.visits.begin({ name, role, way: 'oidc', userId: undefined, peer })
    },
  }
}

function needed(settings: OidcSettings | undefined): OidcSettings {
  if (settings !== undefined) return settings
  throw new GatewayError(
    'not-found',
    'No OpenID provider is set up. An owner can set oidcIssuer, oidcClientId and oidcRoles.',
  )
}

async function claimsOf(
  settings: OidcSettings,
  query: URLSearchParams,
  flow: OidcFlow,
  { provider, failed, peer }: OidcOptions & { readonly peer: string },
) {
  try {
    return await provider.finish(settings, query, flow)
  } catch (error) {
    await failed({ who: undefined, way: 'oidc', reason: 'refused by the provider or not its answer', peer })
    throw error
  }
}

/** Sealed by this gateway and not too old; anything else was begun elsewhere, or long ago. */
function openFlow(sealed: string | undefined, { secrets, clock }: OidcOptions): OidcFlow {
  const text = sealed === undefined ? undefined : opened(sealed, secrets)
  const flow = text === undefined ? undefined : (JSON.parse(text) as OidcFlow & { readonly until: number })
  if (flow !== undefined && clock.now() < flow.until) return flow
  throw new GatewayError(
    'bad-request',
    'This sign-in was not begun in this browser, or more than ten minutes ago. Begin again.',
  )
}

function opened(sealed: string, secrets: SecretBox): string | undefined {
  try {
    return secrets.open('sign-in-flow', 'oidc', toSealedSecret(sealed))
  } catch {
    return undefined
  }
}
