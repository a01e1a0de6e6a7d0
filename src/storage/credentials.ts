/**
 * Credentials that are renewed (G9): claimed in the database before the provider is asked,
 * replaced by compare-and-swap before they are used. When the database takes nothing at that
 * moment, a renewed credential is kept in a file of its own until it does: the provider has
 * retired the one before it already.
 */
import type { Account, AccountId } from '../core/account.ts'
import { GatewayError } from '../core/error.ts'
import type { Log } from '../core/ports/log.ts'
import type { Claim, ClaimTerms, Credential, CredentialStore } from '../core/ports/stores.ts'
import { type OpenAccounts, toAccount } from './accounts.ts'
import {
  type Database,
  numberOf,
  optionalNumber,
  optionalText,
  type Statement,
  statement,
  toUserError,
} from './database.ts'
import type { Rescued, RescueFile } from './rescue-file.ts'

const CLAIM = `update accounts set refresh_holder = $1, refresh_until = $2
  where id = $3 and credential_version = $4
    and (refresh_holder is null or refresh_holder = $5 or refresh_until <= $6)`
const REPLACE = `update accounts set secret = $1, refresh_secret = $2, token_expires_at = $3,
  credential_version = $4, refresh_holder = null, refresh_until = null
  where id = $5 and credential_version = $6`
const RETRY_MS = 2_000

interface Context {
  readonly database: Database
  readonly accounts: OpenAccounts
  readonly rescue: RescueFile
  readonly log: Log
}

export interface ClosableCredentials extends CredentialStore {
  close(): void
}

export async function openCredentials(context: Context): Promise<ClosableCredentials> {
  const { database, accounts, rescue } = context
  await bringIn(context)
  // Nobody else has these data: whoever had claimed something is no more.
  await database.commit(
    [statement('update accounts set refresh_until = 0 where refresh_holder is not null')],
    'full',
  )
  let timer: ReturnType<typeof setTimeout> | undefined
  let isClosed = false
  const retryLater = (): void => {
    if (isClosed) return
    timer ??= setTimeout(() => {
      timer = undefined
      void bringIn(context).catch(retryLater)
    }, RETRY_MS)
  }
  return {
    reload: (id) => reload(context, id),
    claim: (id, version, terms) => claim(context, id, version, terms),
    async release(id, holder, isInDoubt) {
      const text = isInDoubt
        ? 'update accounts set refresh_until = 0 where id = $1 and refresh_holder = $2'
        : 'update accounts set refresh_holder = null, refresh_until = null where id = $1 and refresh_holder = $2'
      await database.commit([statement(text, id, holder)], 'full')
    },
    async replace(id, version, credential) {
      const before = accounts.all().find((account) => account.id === id)
      if (before === undefined) return undefined
      try {
        const [changed] = await database.commit([replacement(id, version, credential)], 'full')
        if (changed === 0) return undefined
      } catch (error) {
        if (!rescue.keep({ id, version, credential })) throw toUserError(error, 'The account has changed.')
        context.log.error(
          'A renewed credential waits in a file, because the database does not take it.',
          error,
        )
        retryLater()
      }
      return adopted(accounts, id, { ...credential, credentialVersion: version + 1 })
    },
    close() {
      isClosed = true
      clearTimeout(timer)
    },
  }
}

const replacement = (id: AccountId, version: number, credential: Credential): Statement => {
  const { secret, refreshSecret = null, tokenExpiresAt = null } = credential
  return statement(REPLACE, secret, refreshSecret, tokenExpiresAt, version + 1, id, version)
}

/** What the operator has changed meanwhile stays. */
function adopted(
  accounts: OpenAccounts,
  id: AccountId,
  credential: Credential & Pick<Account, 'credentialVersion'>,
): Account | undefined {
  const present = accounts.all().find((account) => account.id === id)
  if (present === undefined) return undefined
  const account = { ...present, ...credential }
  accounts.adopt(account)
  return account
}

async function reload({ database, accounts }: Context, id: AccountId): Promise<Account | undefined> {
  const present = accounts.all().find((account) => account.id === id)
  const [row] = await database.load('select * from accounts where id = $1', [id])
  if (row === undefined || present === undefined) return undefined
  const stored = toAccount(row)
  // One that waits in the rescue file is newer than the database's.
  if (stored.credentialVersion <= present.credentialVersion) return present
  const { secret, refreshSecret, tokenExpiresAt, credentialVersion } = stored
  return adopted(accounts, id, { secret, refreshSecret, tokenExpiresAt, credentialVersion })
}

async function claim(
  { database }: Context,
  id: AccountId,
  version: number,
  { holder, now, until }: ClaimTerms,
): Promise<Claim> {
  try {
    const [row] = await database.load(
      'select credential_version, refresh_holder, refresh_until from accounts where id = $1',
      [id],
    )
    if (row === undefined || numberOf(row, 'credential_version') !== version) return { kind: 'superseded' }
    const earlier = optionalText(row, 'refresh_holder')
    // Its own can only be there still because giving it up could not be stored.
    const isOver = earlier === holder || (optionalNumber(row, 'refresh_until') ?? 0) <= now
    const isInDoubt = earlier !== undefined && isOver
    const [changed] = await database.commit(
      [statement(CLAIM, ...[holder, until, id, version, holder, now])],
      'full',
    )
    return changed === 0 ? { kind: 'held' } : { kind: 'claimed', isInDoubt }
  } catch (error) {
    throw error instanceof GatewayError ? error : toUserError(error, 'The account has changed.')
  }
}

/** Everything from the file into the database; what is there in a newer version already is dropped. */
async function bringIn(context: Context): Promise<void> {
  const { database, accounts, rescue, log } = context
  const rescued = rescue.all()
  if (rescued.length === 0) return
  for (const { id, version, credential } of rescued) {
    const [changed] = await database.commit([replacement(id, version, credential)], 'full')
    if (changed === 0) continue
    adoptRescued(accounts, { id, version, credential })
    log.info('A renewed credential was brought into the database from its file.')
  }
  // Another may have come while the database was busy with these.
  if (rescue.all().length > rescued.length) return bringIn(context)
  rescue.clear()
}

const adoptRescued = (accounts: OpenAccounts, { id, version, credential }: Rescued): void =>
  void adopted(accounts, id, { ...credential, credentialVersion: version + 1 })
