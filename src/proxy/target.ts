/**
 * Where one attempt goes and what it carries: the account's endpoint, its opened credential
 * and the model it is asked for. Secrets live only here and in the request that is sent.
 */

import { credentialsOf, KEY_PREFIX } from '../core/access.ts'
import { type Account, type AccountId, toAccountId } from '../core/account.ts'
import { messageOf } from '../core/error.ts'
import type { Failure } from '../core/failure.ts'
import type { Headers } from '../core/headers.ts'
import { addedHeaders, readNetwork } from '../core/network.ts'
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
  /** What else its provider and its operator want sent. */
  readonly betas: readonly string[]
  readonly added: Headers
  readonly proxy: string | undefined
  /** As the account is asked for it; undefined where the endpoint has no model. */
  readonly model: string | undefined
}

export const isTarget = (result: Target | Failure): result is Target => 'endpoint' in result

/** The account as a target that is asked for `model`, or why it cannot be one. */
export function toTarget(
  account: Account,
  model: string | undefined,
  context: ProxyContext,
): Target | Failure {
  const address = addressOf(account)
  if (address === undefined) return unusable('its provider or base URL is unknown', context)
  const { provider, endpoint } = address
  try {
    const { proxy, headers } = networkOf(account, context)
    const secret = context.secrets.open('account-credential', account.id, account.secret)
    return {
      account: { id: account.id, name: account.name, provider: provider.id },
      provider,
      endpoint,
      credential: provider.sign(secret),
      betas: provider.betas ?? NONE,
      added: headers,
      proxy,
      model,
    }
  } catch (error) {
    return unusable(messageOf(error), context)
  }
}

const NONE: readonly string[] = []

interface Network {
  readonly proxy: string | undefined
  readonly headers: Headers
}

const PLAIN_NETWORK: Network = { proxy: undefined, headers: [] }
/** Opened once: accounts are replaced when they change. */
const networks = new WeakMap<Account, Network>()

function networkOf(account: Account, { secrets }: ProxyContext): Network {
  if (account.network === undefined) return PLAIN_NETWORK
  const known = networks.get(account)
  if (known !== undefined) return known
  const network = readNetwork(secrets.open('account-network', account.id, account.network))
  const opened = { proxy: network.proxy, headers: addedHeaders(network) }
  networks.set(account, opened)
  return opened
}

interface Address {
  readonly provider: Provider
  readonly endpoint: Endpoint
}

/** Accounts are replaced when they change, so what follows from one never changes. */
const addresses = new WeakMap<Account, Address>()

/** What accounts of one endpoint have in common: its address, or, where that is unknown, nothing. */
export function originOf(account: Account): string {
  const { endpoint } = addressOf(account) ?? {}
  return endpoint === undefined
    ? account.id
    : `${endpoint.isSecure ? 'https' : 'http'}://${endpoint.host}:${endpoint.port}`
}

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
  // The gateway's keys are for the gateway.
  const own = headers.filter((header) =>
    credentialsOf([header]).some((credential) => !credential.startsWith(KEY_PREFIX)),
  )
  if (provider === undefined || own.length === 0) return undefined
  const account = { id: NOBODY, name: 'client', provider: provider.id }
  const { fallback: endpoint } = context.settings()
  return { account, provider, endpoint, credential: own, betas: NONE, added: [], proxy: undefined, model }
}

const NOBODY = toAccountId('')
const UNUSABLE_MS = 5 * MINUTE

const unusable = (evidence: string, { clock }: ProxyContext): Failure => ({
  cause: 'secret-unreadable',
  scope: { kind: 'account' },
  evidence,
  until: later(clock.now(), UNUSABLE_MS),
})
