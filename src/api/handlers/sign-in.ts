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
  badField,
  findAccount,
  providerFor,
  replaceCredential,
  toCredential,
  toNewAccount,
} from './account-input.ts'
import { viewOf } from './accounts.ts'

export function signInHandlers(services: Services): Pick<Handlers, 'beginSignIn' | 'finishSignIn'> {
  return {
    beginSignIn: ({ body }) => begin(services, body),
    async finishSignIn({ body }) {
      const { grant, purpose } = await services.signIns.finish(body.sessionId, body.code)
      return store(services, grant, purpose)
    },
  }
}

async function begin(services: Services, wanted: SignInPurpose): Promise<Answer<'beginSignIn'>> {
  const { name, mode, createKey } = wanted
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
  const known = services.accounts.all().find((account) => account.name === name)
  if (known !== undefined && known.provider !== provider.id)
    throw new GatewayError(
      'conflict',
      `The account ${name} is of the provider ${known.provider}, which is not signed in to. Choose another name.`,
    )
  if (known === undefined) assertStorable(services, wanted)
  if (mode === 'max') await assertTerms(services, wanted.acceptTerms)
  const { sessionId, authUrl, expiresAt } = services.signIns.begin(
    {
      provider: provider.id,
      mode,
      baseUrl: wanted.baseUrl ?? known?.baseUrl,
      proxy: wanted.proxy,
      createsKey: mode === 'console' && known === undefined && createKey !== false,
    },
    wanted,
  )
  return { sessionId, authUrl, expiresAt: toIso(expiresAt) }
}

/** Whatever could keep the account from being added is said before somebody goes and signs in. */
function assertStorable(services: Services, wanted: SignInPurpose): void {
  assertBaseUrl(services, wanted.provider, wanted.baseUrl ?? providerFor(services, wanted.provider).baseUrl)
  toNewAccount(services, { ...toAccountBody(wanted), apiKey: 'to-be-granted' })
}

const toAccountBody = ({ mode: _, createKey: __, acceptTerms: ___, ...body }: SignInPurpose) => body

async function store(
  services: Services,
  grant: Grant,
  purpose: SignInPurpose,
): Promise<Answer<'finishSignIn'>> {
  const known = services.accounts.all().find(({ name }) => name === purpose.name)
  const account =
    known === undefined ? await addNew(services, grant, purpose) : await renew(services, known, grant)
  services.live.learned(account.id, grant.standing)
  return { ...(await viewOf(services, findAccount(services, account.id))), notes: notesOn(grant) }
}

async function addNew(services: Services, grant: Grant, purpose: SignInPurpose): Promise<Account> {
  const { apiKey, tier } = grant
  const body = {
    ...toAccountBody(purpose),
    ...(purpose.tier === undefined && tier !== undefined ? { tier } : {}),
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
async function renew(services: Services, known: Account, grant: Grant): Promise<Account> {
  if (providerFor(services, known.provider).credential !== 'sign-in')
    throw new GatewayError(
      'conflict',
      `There is an account called "${known.name}" by now. Choose another name and begin again.`,
    )
  return replaceCredential(services, known, toCredential(services, known.id, tokensOf(grant)))
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
