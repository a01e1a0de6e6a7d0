/** The handlers of /api/accounts. They check, seal and store; how an account fares is read elsewhere. */
import { type Account, isAccountName, toAccountId } from '../../core/account.ts'
import { GatewayError } from '../../core/error.ts'
import type { AccountChange } from '../../core/ports/stores.ts'
import type { Account as AccountView, Input } from '../contract.ts'
import type { Handlers } from '../handlers.ts'
import type { Services } from '../services.ts'
import { toAccountView } from '../views.ts'

type AccountHandlers = Pick<
  Handlers,
  | 'listAccounts'
  | 'addAccount'
  | 'showAccount'
  | 'changeAccount'
  | 'removeAccount'
  | 'pauseAccount'
  | 'resumeAccount'
  | 'testAccount'
  | 'clearCooldown'
  | 'setPriority'
  | 'setTier'
  | 'listProviders'
>

export function accountHandlers(services: Services): AccountHandlers {
  const { accounts, clock, live } = services
  const change = async (id: string, changes: AccountChange): Promise<AccountView> =>
    view(services, await accounts.change(find(services, id).id, changes))
  return {
    async listAccounts() {
      const totals = await services.requests.accountTotals()
      const now = clock.now()
      return {
        accounts: accounts
          .all()
          .map((account) => toAccountView(account, live.of(account.id), totals.get(account.id), now)),
      }
    },
    addAccount: ({ body }) => add(services, body),
    showAccount: ({ params }) => view(services, find(services, params.id)),
    changeAccount: ({ params, body }) => edit(services, find(services, params.id), body),
    async removeAccount({ params }) {
      await accounts.remove(find(services, params.id).id)
      return {}
    },
    pauseAccount: ({ params }) =>
      change(params.id, { pausedAt: find(services, params.id).pausedAt ?? clock.now() }),
    resumeAccount: ({ params }) => change(params.id, { pausedAt: undefined }),
    testAccount: ({ params }) => services.testAccount(find(services, params.id)),
    clearCooldown({ params }) {
      const account = find(services, params.id)
      live.clear(account.id)
      return view(services, account)
    },
    setPriority: ({ params, body }) => change(params.id, body),
    setTier: ({ params, body }) => change(params.id, body),
    async listProviders() {
      return {
        providers: services.providers.map(({ id, label, baseUrl }) => ({
          id,
          label,
          baseUrl: baseUrl ?? null,
        })),
      }
    },
  }
}

async function view(services: Services, account: Account): Promise<AccountView> {
  const totals = await services.requests.accountTotals()
  return toAccountView(account, services.live.of(account.id), totals.get(account.id), services.clock.now())
}

function find({ accounts }: Services, idOrName: string): Account {
  const all = accounts.all()
  const account = all.find(({ id }) => id === idOrName) ?? all.find(({ name }) => name === idOrName)
  if (account !== undefined) return account
  const names = all.map(({ name }) => name).join(', ')
  throw new GatewayError(
    'not-found',
    `There is no account "${idOrName}".${names === '' ? '' : ` There are: ${names}.`}`,
  )
}

async function add(services: Services, body: Input<'addAccount'>['body']): Promise<AccountView> {
  assertName(services, body.name)
  const provider = providerFor(services, body.provider)
  assertBaseUrl(services, body.provider, body.baseUrl ?? provider.baseUrl)
  if (body.apiKey === undefined && provider.baseUrl !== undefined) {
    throw badField('apiKey', `An account of the provider ${provider.id} needs an API key.`)
  }
  const id = toAccountId(services.newId())
  const account: Account = {
    id,
    name: body.name,
    provider: provider.id,
    baseUrl: body.baseUrl,
    priority: body.priority ?? 0,
    weight: body.weight ?? 1,
    tier: body.tier ?? 1,
    groups: body.groups ?? [],
    modelMap: new Map(Object.entries(body.modelMap ?? {})),
    secret: services.secrets.seal('account-credential', id, body.apiKey ?? ''),
    refreshSecret: undefined,
    tokenExpiresAt: undefined,
    credentialVersion: 1,
    planOnly: false,
    network: undefined,
    pausedAt: undefined,
    createdAt: services.clock.now(),
  }
  await services.accounts.add(account)
  return view(services, account)
}

/** A new key, or a new place to send it to, is a new start: what the old one did wrong is forgotten. */
async function edit(
  services: Services,
  account: Account,
  body: Input<'changeAccount'>['body'],
): Promise<AccountView> {
  const { apiKey, baseUrl, modelMap, name, ...plain } = body
  if (name !== undefined && name !== account.name) assertName(services, name)
  if (baseUrl !== undefined) {
    assertBaseUrl(services, account.provider, baseUrl ?? providerFor(services, account.provider).baseUrl)
  }
  const changed = await services.accounts.change(account.id, {
    ...definedOnly(plain),
    ...(name === undefined ? {} : { name }),
    ...(baseUrl === undefined ? {} : { baseUrl: baseUrl ?? undefined }),
    ...(modelMap === undefined ? {} : { modelMap: new Map(Object.entries(modelMap)) }),
    ...(apiKey === undefined
      ? {}
      : { secret: services.secrets.seal('account-credential', account.id, apiKey) }),
  })
  if (apiKey !== undefined || baseUrl !== undefined) services.live.clear(account.id)
  return view(services, changed)
}

const definedOnly = <T extends object>(fields: T): { [Key in keyof T]: Exclude<T[Key], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]: Exclude<T[Key], undefined>
  }

function assertName({ accounts }: Services, name: string): void {
  if (!isAccountName(name)) {
    throw badField('name', 'A name begins with a letter or digit and has letters, digits and . _ @ + - only.')
  }
  if (accounts.all().some((account) => account.name === name)) {
    throw new GatewayError('conflict', `There is an account called "${name}" already. Choose another name.`)
  }
}

function providerFor({ providers }: Services, id: string): Services['providers'][number] {
  const provider = providers.find((each) => each.id === id)
  if (provider !== undefined) return provider
  throw badField(
    'provider',
    `There is no provider "${id}". There are: ${providers.map((each) => each.id).join(', ')}.`,
  )
}

function assertBaseUrl(services: Services, providerId: string, baseUrl: string | undefined): void {
  if (baseUrl === undefined)
    throw badField('baseUrl', `An account of the provider ${providerId} needs a base URL.`)
  const problem = providerFor(services, providerId).baseUrlProblem(baseUrl)
  if (problem !== undefined) throw badField('baseUrl', problem)
}

const badField = (path: string, message: string): GatewayError =>
  new GatewayError('bad-request', message, { details: [{ path, message }] })
