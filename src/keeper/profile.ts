/**
 * Asks whose account it is: its organization, its plan. So that what belongs to an
 * organization can stay with it (`wire.md` §1.8). Must not hold a failure against anybody.
 */
import type { Account } from '../core/account.ts'
import type { Headers } from '../core/headers.ts'
import { addedHeaders } from '../core/network.ts'
import type { Endpoint } from '../core/ports/upstream.ts'
import { OAUTH_BETA, PROFILE_PATH, type Profile, readProfile } from '../providers/anthropic/oauth.ts'
import { parseEndpoint } from '../providers/base-url.ts'
import { providerOf } from '../providers/registry.ts'
import { ask, networkOf } from './ask.ts'
import type { KeeperContext } from './context.ts'

export const oauthHeaders = (accessToken: string) =>
  [
    ['authorization', `Bearer ${accessToken}`],
    ['anthropic-beta', OAUTH_BETA],
  ] as const

export interface ProfileAccess {
  readonly endpoint: Endpoint
  readonly accessToken: string
  readonly proxy: string | undefined
  /** What the operator adds to the account's requests. */
  readonly added: Headers
}

/** Undefined when it was not told. */
export async function askProfile(
  access: ProfileAccess,
  context: Pick<KeeperContext, 'upstream' | 'clock'>,
): Promise<Profile | undefined> {
  const { endpoint, accessToken, proxy, added } = access
  const headers = [...added, ...oauthHeaders(accessToken)]
  const asked = await ask(context, { endpoint, method: 'GET', path: PROFILE_PATH, headers, proxy })
  return asked.kind === 'answer' && asked.status === 200 ? readProfile(asked.body) : undefined
}

/** Where an account that signs in has its API; undefined when its base URL says nothing. */
export function apiEndpointOf(provider: string, baseUrl: string | undefined): Endpoint | undefined {
  const endpoint = parseEndpoint(baseUrl ?? providerOf(provider)?.baseUrl ?? '')
  return endpoint === undefined ? undefined : { ...endpoint, path: '' }
}

/** Brings what is known of a signed-in account's organization up to date; true when it was told. */
export async function learnProfile(account: Account, context: KeeperContext): Promise<boolean> {
  const { secrets, pool } = context
  const endpoint = apiEndpointOf(account.provider, account.baseUrl)
  if (endpoint === undefined) return false
  const accessToken = secrets.open('account-credential', account.id, account.secret)
  const { proxy, ...network } = networkOf(account, secrets)
  const access = { endpoint, accessToken, proxy, added: addedHeaders(network) }
  const profile = await askProfile(access, context)
  if (profile === undefined) return false
  pool.learned(account.id, profile.standing)
  return true
}
