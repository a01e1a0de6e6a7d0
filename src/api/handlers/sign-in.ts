/**
 * The handlers of signing in: who may begin, and what becomes of what was granted. An account
 * is added, or its credential replaced, only when everything has succeeded, in one step.
 */
import type { Account } from '../../core/account.ts'
import { GatewayError } from '../../core/error.ts'
import { toIso } from '../../core/time.ts'
import type { Answer } from '../contract.ts'
import type { Handlers } from '../handlers.ts'
import type { Services } from '../services.ts'
import type { Grant, SignInPurpose } from '../sign-ins.ts'
import {
  assertBaseUrl,
  assertTerms,
  findAccount,
  networkOf,
  providerFor,
  replaceCredential,
  toCredential,
  toNewAccount,
} from './account-input.ts'
import { assertModels, modelNotes } from './account-models.ts'
import { viewOf } from './accounts.ts'
import { badField } from './bad-field.ts'

export function signInHandlers(services: Services): Pick<Handlers, 'beginSignIn' | 'finishSignIn'> {
  return {
    beginSignIn: ({ body }) => begin(services, body),
    async finishSignIn({ body }, call) {
      const { grant, purpose } = await services.signIns.finish(body.sessionId, body.code)
      const account = await store(services, grant, purpose)
      const { name, provider } = account
      call.changed({
        target: name,
        to: purpose.again === undefined ? { provider } : { credential: '(replaced)' },
      })
      return account
    },
  }
}

async function begin(services: Services, wanted: Wanted): Promise<Answer<'beginSignIn'>> {
  const { name, createKey } = wanted
  const known = services.accounts.all().find((account) => account.name === name)
  const mode = wanted.mode ?? (known && services.live.of(known.id).standing.loginMode) ?? 'max'
  if (known !== undefined) assertSignsIn(services, known)
  const provider = providerFor(services, wanted.provider)
  if (provider.credential !== 'sign-in')
    throw badField(
      'provider',
      `Accounts of the provider ${provider.id} have an API key; add one with POST /api/accounts.`,
    )
  if (mode === 'max' && createKey === true)
    throw badField(
      'createKey',
      'Only an organization of the console can make API keys: use the mode "console".',
    )
  if (known === undefined) assertStorable(services, wanted)
  else assertUnchanged(known, wanted)
  if (mode === 'max') await assertTerms(services, wanted.acceptTerms)
  const { sessionId, authUrl, expiresAt } = services.signIns.begin(
    {
      provider: provider.id,
      mode,
      baseUrl: known === undefined ? wanted.baseUrl : known.baseUrl,
      proxy: known === undefined ? wanted.proxy : networkOf(known, services).proxy,
      createsKey: mode === 'console' && known === undefined && createKey !== false,
    },
    { wanted, mode, again: known?.id },
  )
  return { sessionId, authUrl, expiresAt: toIso(expiresAt) }
}

type Wanted = SignInPurpose['wanted']

function assertSignsIn(services: Services, { name, provider }: Account): void {
  if (providerFor(services, provider).credential === 'sign-in') return
  throw new GatewayError(
    'conflict',
    `The account ${name} is of the provider ${provider} and has an API key: choose another name, or give it a new key with "spillway accounts set ${name} --api-key-stdin".`,
  )
}

/** Whatever could keep the account from being added is said before somebody goes and signs in. */
function assertStorable(services: Services, wanted: Wanted): void {
  assertBaseUrl(services, wanted.provider, wanted.baseUrl ?? providerFor(services, wanted.provider).baseUrl)
  assertModels(toNewAccount(services, { ...toAccountBody(wanted), apiKey: 'to-be-granted' }), wanted)
}

/** What would be passed over in silence is refused. */
function assertUnchanged({ name, baseUrl }: Account, wanted: Wanted): void {
  const { provider: _, name: __, ...said } = toAccountBody(wanted)
  const field = Object.keys(said).find((key) => key !== 'baseUrl' || said.baseUrl !== baseUrl)
  if (field === undefined) return
  throw badField(
    field,
    `The account ${name} is there already, and signing in again changes nothing of it but its credential: leave out ${field}, or choose another name.`,
  )
}

const toAccountBody = ({ mode: _, createKey: __, acceptTerms: ___, ...body }: Wanted) => body

async function store(
  services: Services,
  grant: Grant,
  { wanted, mode, again }: SignInPurpose,
): Promise<Answer<'finishSignIn'>> {
  const account =
    again === undefined
      ? await addNew(services, grant, wanted)
      : await renew(services, { id: again, name: wanted.name }, grant)
  const { organization } = services.live.of(account.id).standing
  services.live.learned(account.id, { ...grant.standing, loginMode: mode })
  // Another organization's plan: what was held against the one before is not its affair.
  if (organization !== undefined && (grant.standing.organization ?? organization) !== organization)
    services.live.clear(account.id)
  const present = findAccount(services, account.id)
  const remarks = again === undefined ? modelNotes(providerFor(services, present.provider), present) : []
  return { ...(await viewOf(services, present)), notes: [...notesOn(grant), ...remarks] }
}

async function addNew(services: Services, grant: Grant, wanted: Wanted): Promise<Account> {
  const { name } = wanted
  if (services.accounts.all().some((account) => account.name === name))
    throw new GatewayError(
      'conflict',
      `There is an account called "${name}" by now. Nothing was added; choose another name and begin again.`,
    )
  const { apiKey, tier } = grant
  const body = {
    ...toAccountBody(wanted),
    ...(wanted.tier === undefined && tier !== undefined ? { tier } : {}),
  }
  const account =
    apiKey === undefined
      ? toNewAccount(services, { ...body, ...tokensOf(grant) })
      : toNewAccount(services, { ...body, provider: 'console', apiKey })
  await services.accounts.add(account)
  return account
}

const tokensOf = ({ tokens: { accessToken, refreshToken, expiresAt } }: Grant) => ({
  accessToken,
  ...(refreshToken === undefined ? {} : { refreshToken }),
  tokenExpiresAt: toIso(expiresAt),
})

/** Signed in again: the old credential goes, everything else of the account stays. */
async function renew(
  services: Services,
  { id, name }: Pick<Account, 'id' | 'name'>,
  grant: Grant,
): Promise<Account> {
  const present = services.accounts.all().find((account) => account.id === id)
  if (present !== undefined)
    return replaceCredential(services, present, toCredential(services, id, tokensOf(grant)))
  throw new GatewayError(
    'not-found',
    `The account ${name} has been removed meanwhile. Nothing was added; begin again to add it anew.`,
  )
}

function notesOn({ apiKey, keyProblem, tokens, standing }: Grant): string[] {
  return [
    ...(apiKey === undefined ? [] : ['An API key was made and is used in the place of the tokens.']),
    ...(keyProblem === undefined ? [] : [`No API key could be made (${keyProblem}); the tokens are used.`]),
    ...(tokens.refreshToken === undefined && apiKey === undefined
      ? [`The token cannot be renewed; it ends at ${toIso(tokens.expiresAt)}.`]
      : []),
    ...(standing.organizationName === undefined ? [] : [`It belongs to ${standing.organizationName}.`]),
  ]
}
