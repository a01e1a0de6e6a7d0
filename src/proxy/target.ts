/**
 * Where one attempt goes and what it carries: the account's endpoint, its opened credential
 * and the model it is asked for. Secrets live only here and in the request that is sent.
 */

import { credentialsOf, KEY_PREFIX } from '../core/access.ts'
import { type Account, type AccountId, servedModelOf, toAccountId } from '../core/account.ts'
import { messageOf } from '../core/error.ts'
import type { Failure } from '../core/failure.ts'
import type { Headers } from '../core/headers.ts'
import type { Endpoint } from '../core/ports/upstream.ts'
import { later, MINUTE } from '../core/time.ts'
import { parseEndpoint } from '../providers/base-url.ts'
import type { Provider } from '../providers/provider.ts'
import { providerOf } from '../providers/registry.ts'
import type { ProxyContext } from './context.ts'

export interface Target {
  readonly account: { readonly id: AccountId; readonly name: string; readonly provider: string }
  readonly provider: Provider
  readonly endpoint: Endpoint
  readonly credential: Headers
  /** As the account is asked for it; undefined where the endpoint has no model. */
  readonly model: string | undefined
}

export const isTarget = (result: Target | Failure): result is Target => 'endpoint' in result

/** The account as a target, or why it cannot be one. */
export function toTarget(
  account: Account,
  model: string | undefined,
  context: ProxyContext,
): Target | Failure {
  const address = addressOf(account)
  if (address === undefined) return unusable('its provider or base URL is unknown', context)
  const { provider, endpoint } = address
  try {
    const secret = context.secrets.open('account-credential', account.id, account.secret)
    return {
      account: { id: account.id, name: account.name, provider: provider.id },
      provider,
      endpoint,
      credential: provider.sign(secret),
      model: model === undefined ? undefined : servedModelOf(account, model),
    }
  } catch (error) {
    return unusable(messageOf(error), context)
  }
}

interface Address {
  readonly provider: Provider
  readonly endpoint: Endpoint
}

/** Accounts are replaced when they change, so what follows from one never changes. */
const addresses = new WeakMap<Account, Address>()

function addressOf(account: Account): Address | undefined {
  const known = addresses.get(account)
  if (known !== undefined) return known
  const provider = providerOf(account.provider)
  const endpoint = parseEndpoint(account.baseUrl ?? provider?.baseUrl ?? '')
  if (provider === undefined || endpoint === undefined) return undefined
  const address = { provider, endpoint }
  addresses.set(account, address)
  return address
}

/** While no account exists, a client that brought a credential of its own is served with it. */
export function toOwnTarget(
  headers: Headers,
  model: string | undefined,
  context: ProxyContext,
): Target | undefined {
  const provider = providerOf('console')
  const own = headers.filter(([name]) => name === 'authorization' || name === 'x-api-key')
  const isOurs = credentialsOf(headers).some((credential) => credential.startsWith(KEY_PREFIX))
  if (provider === undefined || own.length === 0 || isOurs) return undefined
  const account = { id: NOBODY, name: 'client', provider: provider.id }
  return { account, provider, endpoint: context.settings().fallback, credential: own, model }
}

const NOBODY = toAccountId('')
const UNUSABLE_MS = 5 * MINUTE

const unusable = (evidence: string, { clock }: ProxyContext): Failure => ({
  cause: 'secret-unreadable',
  scope: { kind: 'account' },
  evidence,
  until: later(clock.now(), UNUSABLE_MS),
})
