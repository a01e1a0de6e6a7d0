/**
 * Accounts taken elsewhere: all of them with their credentials in one file that only a
 * passphrase opens, and back again. A file is read whole and checked before anything is added.
 */
import type { Account } from '../../core/account.ts'
import { GatewayError, messageOf } from '../../core/error.ts'
import { readNetwork } from '../../core/network.ts'
import { toIso } from '../../core/time.ts'
import { newAccountSchema } from '../account-schemas.ts'
import type { Answer, Input } from '../contract.ts'
import type { Handlers } from '../handlers.ts'
import type { Services } from '../services.ts'
import { toModelMapView } from '../views.ts'
import { assertTerms, type NewAccount, providerFor, toNewAccount } from './account-input.ts'

export function accountFileHandlers(services: Services): Pick<Handlers, 'exportAccounts' | 'importAccounts'> {
  return {
    async exportAccounts({ body }, call) {
      const accounts = services.accounts.all()
      const text = JSON.stringify({
        format: FORMAT,
        accounts: accounts.map((each) => toEntry(services, each)),
      })
      const file = await services.sealedFiles.encrypt(text, body.passphrase)
      const names = accounts.map(({ name }) => name)
      call.changed({ to: { accounts: names } })
      return { file, accounts: names }
    },
    async importAccounts({ body }, call) {
      const answer = await importFile(services, body)
      const added = answer.accounts.filter(({ isAdded }) => isAdded).map(({ name }) => name)
      call.changed({ to: { accounts: added } })
      return answer
    },
  }
}

const FORMAT = 'spillway-accounts-1'

/** As `POST /api/accounts` takes it. */
function toEntry({ secrets }: Services, account: Account): NewAccount {
  const { id, secret, refreshSecret, tokenExpiresAt, network } = account
  const opened = secrets.open('account-credential', id, secret)
  const isToken = refreshSecret !== undefined || tokenExpiresAt !== undefined
  return {
    name: account.name,
    provider: account.provider,
    ...(account.baseUrl === undefined ? {} : { baseUrl: account.baseUrl }),
    ...(opened === '' ? {} : { [isToken ? 'accessToken' : 'apiKey']: opened }),
    ...(refreshSecret === undefined
      ? {}
      : { refreshToken: secrets.open('refresh-token', id, refreshSecret) }),
    ...(tokenExpiresAt === undefined ? {} : { tokenExpiresAt: toIso(tokenExpiresAt) }),
    ...(network === undefined ? {} : readNetwork(secrets.open('account-network', id, network))),
    priority: account.priority,
    weight: account.weight,
    tier: account.tier,
    groups: [...account.groups],
    modelMap: toModelMapView(account.modelMap),
    ...(account.models === undefined ? {} : { models: [...account.models] }),
    ...(account.maxConcurrent === undefined ? {} : { maxConcurrent: account.maxConcurrent }),
    planOnly: account.planOnly,
    paused: account.pausedAt !== undefined,
  }
}

async function importFile(
  services: Services,
  { file, passphrase, dryRun, acceptTerms }: Input<'importAccounts'>['body'],
): Promise<Answer<'importAccounts'>> {
  const entries = parseFile(await services.sealedFiles.decrypt(file, passphrase))
  const needsTerms = entries.some(({ provider }) => isSignedInTo(services, provider))
  if (needsTerms && dryRun !== true) await assertTerms(services, acceptTerms)
  const accounts: Answer<'importAccounts'>['accounts'] = []
  for (const entry of entries) accounts.push(await importOne(services, entry, dryRun === true))
  return { accounts }
}

const isSignedInTo = ({ providers }: Services, id: string): boolean =>
  providers.find((provider) => provider.id === id)?.credential === 'sign-in'

async function importOne(services: Services, entry: NewAccount, isDry: boolean) {
  const { name } = entry
  try {
    const account = toNewAccount(services, entry)
    providerFor(services, account.provider)
    if (!isDry) await services.accounts.add(account)
    return { name, isAdded: !isDry }
  } catch (error) {
    return { name, isAdded: false, problem: messageOf(error) }
  }
}

/** Its content was authenticated with the passphrase; whether it is of this program is another matter. */
function parseFile(text: string): readonly NewAccount[] {
  const value = parseJson(text)
  const parsed = newAccountSchema.array().safeParse(value?.accounts)
  if (value?.format === FORMAT && parsed.success) return parsed.data
  throw new GatewayError('bad-request', 'The file was opened, but it does not hold accounts of Spillway.')
}

function parseJson(text: string): { readonly format?: unknown; readonly accounts?: unknown } | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
