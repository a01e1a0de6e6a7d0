/** The handlers of /api/accounts. They store what was checked; how an account fares is read elsewhere. */
import type { Account } from '../../core/account.ts'
import type { AccountChange } from '../../core/ports/stores.ts'
import { toIso } from '../../core/time.ts'
import type { Call } from '../call.ts'
import type { Account as AccountView, Answer, Input } from '../contract.ts'
import type { Handlers } from '../handlers.ts'
import type { Services } from '../services.ts'
import { definedOnly, toAccountView } from '../views.ts'
import {
  assertBaseUrl,
  assertName,
  assertTerms,
  findAccount,
  providerFor,
  replaceCredential,
  toCredential,
  toNetwork,
  toNewAccount,
} from './account-input.ts'
import { assertModels, modelNotes, toModelMap, toModels } from './account-models.ts'
import { accountChange, toldAccount } from './account-told.ts'
import { badField } from './bad-field.ts'

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
  | 'refreshAccount'
  | 'clearCooldown'
  | 'setPriority'
  | 'setTier'
  | 'listAccountEvents'
  | 'listProviders'
>

export function accountHandlers(services: Services): AccountHandlers {
  const { accounts, clock, live } = services
  const change = async (id: string, changes: AccountChange, call: Call): Promise<AccountView> => {
    const before = findAccount(services, id)
    const after = await accounts.change(before.id, changes)
    call.changed({ target: before.name, ...accountChange(before, after) })
    return viewOf(services, after)
  }
  return {
    async listAccounts() {
      const totals = await services.requests.accountTotals()
      return {
        accounts: accounts.all().map((account) => toAccountView(account, services, totals.get(account.id))),
      }
    },
    addAccount: ({ body }, call) => add(services, body, call),
    showAccount: ({ params }) => viewOf(services, findAccount(services, params.id)),
    changeAccount: ({ params, body }, call) => edit(services, findAccount(services, params.id), body, call),
    async removeAccount({ params }, call) {
      const account = findAccount(services, params.id)
      await accounts.remove(account.id)
      call.changed({ target: account.name, from: toldAccount(account) })
      return {}
    },
    pauseAccount: ({ params }, call) =>
      change(params.id, { pausedAt: findAccount(services, params.id).pausedAt ?? clock.now() }, call),
    resumeAccount: ({ params }, call) => change(params.id, { pausedAt: undefined }, call),
    testAccount: ({ params }) => services.testAccount(findAccount(services, params.id)),
    async refreshAccount({ params }, call) {
      const account = findAccount(services, params.id)
      await services.refreshAccount(account)
      call.changed({ target: account.name })
      return viewOf(services, findAccount(services, params.id))
    },
    clearCooldown({ params }, call) {
      const account = findAccount(services, params.id)
      call.changed({ target: account.name })
      live.clear(account.id)
      return viewOf(services, account)
    },
    setPriority: ({ params, body }, call) => change(params.id, body, call),
    setTier: ({ params, body }, call) => change(params.id, body, call),
    listAccountEvents: ({ params, query }) => events(services, findAccount(services, params.id), query),
    async listProviders() {
      return { providers: services.providers.map(toProviderView) }
    },
  }
}

/** Only what the contract names: there is more in a provider's row than is anybody's business. */
const toProviderView = (
  provider: Services['providers'][number],
): Answer<'listProviders'>['providers'][number] => ({
  id: provider.id,
  label: provider.label,
  baseUrl: provider.baseUrl ?? null,
  credential: provider.credential,
  models: [...provider.models],
  notes: [...provider.notes],
  tellsUsage: provider.tellsUsage,
})

export async function viewOf(services: Services, account: Account): Promise<AccountView> {
  const totals = await services.requests.accountTotals()
  return toAccountView(account, services, totals.get(account.id))
}

async function add(
  services: Services,
  body: Input<'addAccount'>['body'],
  call: Call,
): Promise<Answer<'addAccount'>> {
  const account = toNewAccount(services, body)
  assertModels(account, body)
  // A token of a subscription; keys of a console are not.
  if (providerFor(services, account.provider).credential === 'sign-in')
    await assertTerms(services, body.acceptTerms)
  await services.accounts.add(account)
  call.changed({ target: account.name, to: toldAccount(account) })
  return withNotes(services, account, body)
}

/** What was said of its models is remarked on once, when it is said. */
async function withNotes(
  services: Services,
  account: Account,
  { modelMap }: Pick<Input<'changeAccount'>['body'], 'modelMap'>,
): Promise<Answer<'addAccount'>> {
  const view = await viewOf(services, account)
  const notes = modelMap === undefined ? [] : modelNotes(providerFor(services, account.provider), account)
  return notes.length === 0 ? view : { ...view, notes }
}

/** A new key, or a new place to send it to, is a new start: what the old one did wrong is forgotten. */
async function edit(
  services: Services,
  account: Account,
  body: Input<'changeAccount'>['body'],
  call: Call,
): Promise<Answer<'changeAccount'>> {
  const { apiKey, baseUrl, modelMap, models, maxConcurrent, name, proxy, headers, ...plain } = body
  if (name !== undefined && name !== account.name) assertName(services, name)
  if (baseUrl !== undefined) {
    assertBaseUrl(services, account.provider, baseUrl ?? providerFor(services, account.provider).baseUrl)
  }
  if (apiKey !== undefined && account.refreshSecret !== undefined)
    throw badField(
      'apiKey',
      `The account ${account.name} is signed in to: sign in again with "spillway accounts login ${account.name}".`,
    )
  const network = toNetwork(account, { proxy, headers }, services)
  const serves = {
    ...(modelMap === undefined ? {} : { modelMap: toModelMap(modelMap ?? {}) }),
    ...(models === undefined ? {} : { models: toModels(models) }),
  }
  assertModels({ ...account, ...serves }, body)
  const changed = await services.accounts.change(account.id, {
    ...definedOnly(plain),
    ...serves,
    ...(name === undefined ? {} : { name }),
    ...(baseUrl === undefined ? {} : { baseUrl: baseUrl ?? undefined }),
    ...(maxConcurrent === undefined ? {} : { maxConcurrent: maxConcurrent ?? undefined }),
    ...(network === account.network ? {} : { network }),
  })
  const present =
    apiKey === undefined
      ? changed
      : await replaceCredential(services, changed, toCredential(services, account.id, { apiKey }))
  if (apiKey !== undefined || baseUrl !== undefined) services.live.clear(account.id)
  call.changed({ target: account.name, ...accountChange(account, present) })
  return withNotes(services, present, body)
}

async function events(
  { events: store }: Services,
  account: Account,
  { limit, cursor }: Input<'listAccountEvents'>['query'],
) {
  const found = await store.list(account.id, {
    limit: limit + 1,
    ...(cursor === undefined ? {} : { before: cursor }),
  })
  const page = found.slice(0, limit)
  const last = page.at(-1)
  return {
    events: page.map(({ at, until, ...event }) => ({
      ...event,
      at: toIso(at),
      ...(until === undefined ? {} : { until: toIso(until) }),
    })),
    ...(found.length > limit && last !== undefined ? { nextCursor: last.id } : {}),
  }
}
