/**
 * What people say of an account, checked and brought into the shape that is stored: names,
 * addresses, proxies, headers, credentials. Must not store anything.
 */
import { type Account, isAccountName, type SealedSecret, toAccountId } from '../../core/account.ts'
import { proxyProblem } from '../../core/egress-proxy.ts'
import { GatewayError } from '../../core/error.ts'
import { type AccountNetwork, headerProblem, readNetwork, writeNetwork } from '../../core/network.ts'
import type { Credential } from '../../core/ports/stores.ts'
import { SUBSCRIPTION_TERMS } from '../../core/terms.ts'
import { readDate } from '../../core/time.ts'
import type { Input } from '../contract.ts'
import type { ProviderInfo, Services } from '../services.ts'
import { toModelMap, toModels } from './account-models.ts'
import { badField } from './bad-field.ts'

export type NewAccount = Input<'addAccount'>['body']

export function findAccount({ accounts }: Pick<Services, 'accounts'>, idOrName: string): Account {
  const all = accounts.all()
  const account = all.find(({ id }) => id === idOrName) ?? all.find(({ name }) => name === idOrName)
  if (account !== undefined) return account
  const names = all.map(({ name }) => name).join(', ')
  throw new GatewayError(
    'not-found',
    `There is no account "${idOrName}".${names === '' ? '' : ` There are: ${names}.`}`,
  )
}

export function assertName({ accounts }: Services, name: string): void {
  if (!isAccountName(name)) {
    throw badField('name', 'A name begins with a letter or digit and has letters, digits and . _ @ + - only.')
  }
  if (accounts.all().some((account) => account.name === name)) {
    throw new GatewayError('conflict', `There is an account called "${name}" already. Choose another name.`)
  }
}

export function providerFor({ providers }: Services, id: string): ProviderInfo {
  const provider = providers.find((each) => each.id === id)
  if (provider !== undefined) return provider
  throw badField(
    'provider',
    `There is no provider "${id}". There are: ${providers.map((each) => each.id).join(', ')}.`,
  )
}

export function assertBaseUrl(services: Services, providerId: string, baseUrl: string | undefined): void {
  if (baseUrl === undefined)
    throw badField('baseUrl', `An account of the provider ${providerId} needs a base URL.`)
  const problem = providerFor(services, providerId).baseUrlProblem(baseUrl)
  if (problem !== undefined) throw badField('baseUrl', problem)
}

/** Once is enough; whoever says yes is remembered. Throws `forbidden` with the words to say yes to. */
export async function assertTerms(
  { terms, clock }: Services,
  isAccepted: boolean | undefined,
): Promise<void> {
  if (terms.acceptedAt !== undefined) return
  if (isAccepted === true) return terms.accept(clock.now())
  throw new GatewayError('forbidden', SUBSCRIPTION_TERMS, {
    details: [{ path: 'acceptTerms', message: 'must be true to say that you have read this' }],
  })
}

export const networkOf = (
  { id, network }: Pick<Account, 'id' | 'network'>,
  { secrets }: Pick<Services, 'secrets'>,
): AccountNetwork => (network === undefined ? {} : readNetwork(secrets.open('account-network', id, network)))

interface NetworkInput {
  readonly proxy?: string | null | undefined
  readonly headers?: Readonly<Record<string, string>> | null | undefined
}

/** The account's way out after a change: undefined fields stay as they were, null takes them away. */
export function toNetwork(
  before: Pick<Account, 'id' | 'network'>,
  { proxy, headers }: NetworkInput,
  { secrets }: Pick<Services, 'secrets'>,
): SealedSecret | undefined {
  if (proxy === undefined && headers === undefined) return before.network
  const known = networkOf(before, { secrets })
  const problem = typeof proxy === 'string' ? proxyProblem(proxy) : undefined
  if (problem !== undefined) throw badField('proxy', problem)
  const nextProxy = proxy === undefined ? known.proxy : (proxy ?? undefined)
  const nextHeaders = headers === undefined ? known.headers : checkedHeaders(headers ?? {})
  const isEmpty = nextProxy === undefined && Object.keys(nextHeaders ?? {}).length === 0
  if (isEmpty) return undefined
  const network = {
    ...(nextProxy === undefined ? {} : { proxy: nextProxy }),
    ...(nextHeaders === undefined ? {} : { headers: nextHeaders }),
  }
  return secrets.seal('account-network', before.id, writeNetwork(network))
}

function checkedHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const entries = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const)
  for (const [name, value] of entries) {
    const problem = headerProblem(name, value)
    if (problem !== undefined) throw badField(`headers.${name}`, problem)
  }
  return Object.fromEntries(entries)
}

/** Keys for those that have keys, tokens for those that are signed in to. */
function assertCredential({ id, credential }: ProviderInfo, body: NewAccount): void {
  const { apiKey, accessToken, refreshToken, tokenExpiresAt } = body
  const hasTokens = accessToken !== undefined || refreshToken !== undefined || tokenExpiresAt !== undefined
  if (credential !== 'sign-in') {
    if (hasTokens)
      throw badField('accessToken', `An account of the provider ${id} has an API key, not tokens.`)
    if (apiKey === undefined && credential === 'key')
      throw badField('apiKey', `An account of the provider ${id} needs an API key.`)
    return
  }
  if (apiKey !== undefined && hasTokens)
    throw badField(
      'apiKey',
      'Give either a token that does not end soon as apiKey, or accessToken and refreshToken.',
    )
  if (apiKey === undefined && accessToken === undefined && refreshToken === undefined)
    throw badField(
      'accessToken',
      `An account of the provider ${id} is signed in to: begin with POST /api/oauth/init, or "spillway accounts add ${body.name} --provider ${id}".`,
    )
  if (accessToken !== undefined && refreshToken !== undefined && tokenExpiresAt === undefined)
    throw badField('tokenExpiresAt', 'A token that can be renewed needs the time at which it ends.')
}

/** Checks everything; what comes back can be stored as it is. */
export function toNewAccount(services: Services, body: NewAccount): Account {
  assertName(services, body.name)
  const provider = providerFor(services, body.provider)
  assertBaseUrl(services, body.provider, body.baseUrl ?? provider.baseUrl)
  assertCredential(provider, body)
  const id = toAccountId(services.newId())
  const now = services.clock.now()
  return {
    id,
    name: body.name,
    provider: provider.id,
    baseUrl: body.baseUrl,
    priority: body.priority ?? 0,
    weight: body.weight ?? 1,
    tier: body.tier ?? 1,
    groups: body.groups ?? [],
    modelMap: toModelMap(body.modelMap ?? {}),
    models: toModels(body.models),
    maxConcurrent: body.maxConcurrent ?? undefined,
    ...toCredential(services, id, body),
    credentialVersion: 1,
    planOnly: body.planOnly ?? false,
    network: toNetwork({ id, network: undefined }, body, services),
    pausedAt: body.paused === true ? now : undefined,
    createdAt: now,
  }
}

/** A refresh token alone is a login whose token has ended: it is renewed before it is used. */
export function toCredential(
  { secrets, clock }: Pick<Services, 'secrets' | 'clock'>,
  id: Account['id'],
  given: Pick<NewAccount, 'apiKey' | 'accessToken' | 'refreshToken' | 'tokenExpiresAt'>,
): Credential {
  const { apiKey, accessToken, refreshToken, tokenExpiresAt } = given
  const hasEnded = refreshToken !== undefined && accessToken === undefined
  const expiresAt = tokenExpiresAt === undefined ? undefined : readDate(tokenExpiresAt)
  return {
    secret: secrets.seal('account-credential', id, accessToken ?? apiKey ?? ''),
    refreshSecret: refreshToken === undefined ? undefined : secrets.seal('refresh-token', id, refreshToken),
    tokenExpiresAt: hasEnded ? clock.now() : expiresAt,
  }
}

/** Stores a credential given by hand: whatever is there, this one is newer. */
export async function replaceCredential(
  { credentials }: Pick<Services, 'credentials'>,
  account: Account,
  credential: Credential,
): Promise<Account> {
  for (
    let present: Account | undefined = account;
    present !== undefined;
    present = await credentials.reload(account.id)
  ) {
    const changed = await credentials.replace(present.id, present.credentialVersion, credential)
    if (changed !== undefined) return changed
  }
  throw new GatewayError('not-found', `The account ${account.name} has been removed meanwhile.`)
}
