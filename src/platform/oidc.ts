/**
 * The `IdentityProvider` port over oauth4webapi: the code flow with PKCE, state and nonce, the
 * ID token's signature checked with the provider's keys. What a provider says of itself is
 * asked for once an hour. Plain HTTP only to this machine itself. Must not decide who gets in.
 */
import type * as OAuth from 'oauth4webapi'
import { isLoopbackHost } from '../core/access.ts'
import { GatewayError, messageOf } from '../core/error.ts'
import type { IdentityProvider, OidcClient, OidcFlow } from '../core/ports/people.ts'
import { HOUR } from '../core/time.ts'

const ANSWER_MS = 10_000

interface Known {
  readonly issuer: string
  readonly until: number
  readonly server: OAuth.AuthorizationServer
  /** Filled and renewed by the library. */
  readonly keys: OAuth.JWKSCacheInput
}

export function createIdentityProvider(elapsed: () => number): IdentityProvider {
  let known: Known | undefined
  const discover = async (oauth: typeof OAuth, issuer: string): Promise<Known> => {
    if (known !== undefined && known.issuer === issuer && elapsed() < known.until) return known
    const url = new URL(issuer)
    const answer = await oauth.discoveryRequest(url, { algorithm: 'oidc', ...transportOf(oauth, issuer) })
    const server = await oauth.processDiscoveryResponse(url, answer)
    known = { issuer, until: elapsed() + HOUR, server, keys: {} }
    return known
  }
  return {
    async begin(client, redirectUri) {
      // Loaded by those who use it.
      const oauth = await import('oauth4webapi')
      const { server } = await reached(client, () => discover(oauth, client.issuer))
      return begun(oauth, { server, client, redirectUri })
    },
    async finish(client, query, flow) {
      const oauth = await import('oauth4webapi')
      const provider = await reached(client, () => discover(oauth, client.issuer))
      try {
        return await claimsFrom(oauth, { provider, client, query, flow })
      } catch (cause) {
        throw toRefusal(oauth, client, cause)
      }
    },
  }
}

async function begun(
  oauth: typeof OAuth,
  {
    server,
    client,
    redirectUri,
  }: { server: OAuth.AuthorizationServer; client: OidcClient; redirectUri: string },
): Promise<{ readonly url: string; readonly flow: OidcFlow }> {
  if (server.authorization_endpoint === undefined)
    throw new GatewayError('unavailable', `The provider ${client.issuer} names no page to sign in at.`)
  const flow = {
    state: oauth.generateRandomState(),
    nonce: oauth.generateRandomNonce(),
    verifier: oauth.generateRandomCodeVerifier(),
    redirectUri,
  }
  const url = new URL(server.authorization_endpoint)
  const parameters = {
    client_id: client.clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid email profile',
    state: flow.state,
    nonce: flow.nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(flow.verifier),
    code_challenge_method: 'S256',
  }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return { url: url.href, flow }
}

async function claimsFrom(
  oauth: typeof OAuth,
  {
    provider: { server, keys },
    client: { issuer, clientId, clientSecret },
    query,
    flow,
  }: { provider: Known; client: OidcClient; query: URLSearchParams; flow: OidcFlow },
): Promise<OAuth.IDToken> {
  const client: OAuth.Client = { client_id: clientId }
  const transport = transportOf(oauth, issuer)
  const parameters = oauth.validateAuthResponse(server, client, query, flow.state)
  const answer = await oauth.authorizationCodeGrantRequest(
    server,
    client,
    authenticationOf(oauth, server, clientSecret),
    parameters,
    flow.redirectUri,
    flow.verifier,
    transport,
  )
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, answer, {
    expectedNonce: flow.nonce,
    requireIdToken: true,
  })
  await oauth.validateApplicationLevelSignature(server, answer, { ...transport, [oauth.jwksCache]: keys })
  const claims = oauth.getValidatedIdTokenClaims(tokens)
  if (claims === undefined) throw new Error('the answer holds no ID token')
  return claims
}

const transportOf = (oauth: typeof OAuth, issuer: string) => ({
  [oauth.allowInsecureRequests]: isLoopbackHost(new URL(issuer).hostname),
  signal: AbortSignal.timeout(ANSWER_MS),
})

/** As the provider wants it; RFC 8414 §2 says which way is meant where it does not say. */
function authenticationOf(
  oauth: typeof OAuth,
  { token_endpoint_auth_methods_supported: methods = ['client_secret_basic'] }: OAuth.AuthorizationServer,
  secret: string,
): OAuth.ClientAuth {
  if (secret === '') return oauth.None()
  const isPosted = methods.includes('client_secret_post') && !methods.includes('client_secret_basic')
  return isPosted ? oauth.ClientSecretPost(secret) : oauth.ClientSecretBasic(secret)
}

async function reached<T>({ issuer }: OidcClient, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw new GatewayError(
      'unavailable',
      `The provider ${issuer} cannot be asked how to sign in: ${messageOf(cause)}.`,
      { cause },
    )
  }
}

/** Its own words are for the log: they may repeat what was sent to it. */
function toRefusal(oauth: typeof OAuth, { issuer }: OidcClient, cause: unknown): GatewayError {
  if (cause instanceof oauth.AuthorizationResponseError)
    return new GatewayError(
      'forbidden',
      `The provider ${issuer} did not let you in (${wordOf(cause.error)}).`,
      {
        cause,
      },
    )
  if (cause instanceof oauth.ResponseBodyError)
    return new GatewayError(
      'forbidden',
      `The provider ${issuer} took the code back (${wordOf(cause.error)}). Begin again.`,
      {
        cause,
      },
    )
  return new GatewayError(
    'forbidden',
    `What came back from the provider ${issuer} is not the answer to this sign-in. Begin again.`,
    { cause },
  )
}

/** An error code of OAuth and nothing else (RFC 6749 §4.1.2.1). */
const wordOf = (code: string): string => (/^[a-z_]{1,40}$/.test(code) ? code : 'no reason given')
