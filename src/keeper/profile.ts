/**
 * Asks whose account it is: its organization, its plan. So that what belongs to an
 * organization can stay with it (`wire.md` §1.8). Must not hold a failure against anybody.
 */
import type { Account } from '../core/account.ts'
import type { Endpoint } from '../core/ports/upstream.ts'
import { OAUTH_BETA, PROFILE_PATH, type Profile, readProfile } from '../providers/anthropic/oauth.ts'
import { parseEndpoint } from '../providers/base-url.ts'
import { providerOf } from '../providers/registry.ts'
import { ask, proxyOf } from './ask.ts'
import type { KeeperContext } from './context.ts'

export const oauthHeaders = (accessToken: string) =>
  [
    ['authorization', `Bearer ${accessToken}`],
    ['anthropic-beta', OAUTH_BETA],
  ] as const

/** Undefined when it was not told. */
export async function askProfile(
  access: { readonly endpoint: Endpoint; readonly accessToken: string; readonly proxy: string | undefined },
  context: Pick<KeeperContext, 'upstream' | 'clock'>,
): Promise<Profile | undefined> {
  const { endpoint, accessToken, proxy } = access
  const headers = oauthHeaders(accessToken)
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
  const profile = await askProfile({ endpoint, accessToken, proxy: proxyOf(account, secrets) }, context)
  if (profile === undefined) return false
  pool.learned(account.id, profile.standing)
  return true
}
