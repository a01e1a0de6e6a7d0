/**
 * The operator's accounts: kept in memory for the request path, written through with full
 * durability. Secrets arrive sealed and leave sealed.
 */
import { type Account, type SealedSecret, toAccountId, toSealedSecret } from '../core/account.ts'
import { GatewayError } from '../core/error.ts'
import type { AccountStore } from '../core/ports/stores.ts'
import { type Millis, toMillis } from '../core/time.ts'
import {
  type Database,
  jsonOf,
  numberOf,
  optionalNumber,
  optionalText,
  type Row,
  statement,
  textOf,
  toUserError,
} from './database.ts'

const INSERT = `insert into accounts (id, name, provider, base_url, priority, weight, tier, groups_json, model_map_json,
  secret, refresh_secret, token_expires_at, credential_version, plan_only, network, paused_at, created_at)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`
const UPDATE = `update accounts set name = $1, base_url = $2, priority = $3, weight = $4, tier = $5, groups_json = $6,
  model_map_json = $7, secret = $8, refresh_secret = $9, token_expires_at = $10, credential_version = $11,
  plan_only = $12, network = $13, paused_at = $14 where id = $15`

export async function openAccounts(
  database: Database,
  onChange: (accounts: readonly Account[]) => void,
): Promise<AccountStore> {
  const rows = await database.load('select * from accounts order by created_at, id')
  let accounts: readonly Account[] = rows.map(toAccount)
  const commit = async (name: string, ...statements: Parameters<Database['commit']>[0]): Promise<void> => {
    try {
      await database.commit(statements, 'full')
    } catch (error) {
      throw toUserError(error, `There is an account called "${name}" already. Choose another name.`)
    }
  }
  const replace = (next: readonly Account[]): void => {
    accounts = next
    onChange(accounts)
  }
  return {
    all: () => accounts,
    async add(account) {
      await commit(
        account.name,
        statement(INSERT, account.id, ...changeable(account, account.provider), account.createdAt),
      )
      replace([...accounts, account])
    },
    async change(id, change) {
      const account = accounts.find((each) => each.id === id)
      if (account === undefined) throw new GatewayError('not-found', `There is no account ${id}.`)
      const changed = { ...account, ...change }
      await commit(changed.name, statement(UPDATE, ...changeable(changed), id))
      replace(accounts.map((each) => (each.id === id ? changed : each)))
      return changed
    },
    async remove(id) {
      await commit(
        '',
        statement('delete from accounts where id = $1', id),
        statement('delete from account_health where account_id = $1', id),
        statement('delete from bindings where account_id = $1', id),
        statement('delete from owners where account_id = $1', id),
      )
      replace(accounts.filter((each) => each.id !== id))
    },
  }
}

/** The values that a change may touch, in the order of both statements; a new account also has its provider. */
const changeable = (account: Account, provider?: string) => [
  account.name,
  ...(provider === undefined ? [] : [provider]),
  account.baseUrl ?? null,
  account.priority,
  account.weight,
  account.tier,
  JSON.stringify(account.groups),
  JSON.stringify([...account.modelMap]),
  account.secret,
  account.refreshSecret ?? null,
  account.tokenExpiresAt ?? null,
  account.credentialVersion,
  account.planOnly ? 1 : 0,
  account.network ?? null,
  account.pausedAt ?? null,
]

function toAccount(row: Row): Account {
  return {
    id: toAccountId(textOf(row, 'id')),
    name: textOf(row, 'name'),
    provider: textOf(row, 'provider'),
    baseUrl: optionalText(row, 'base_url'),
    priority: numberOf(row, 'priority'),
    weight: numberOf(row, 'weight'),
    tier: numberOf(row, 'tier'),
    groups: jsonOf<readonly string[]>(row, 'groups_json', []),
    modelMap: new Map(jsonOf<readonly (readonly [string, string])[]>(row, 'model_map_json', [])),
    secret: toSealedSecret(textOf(row, 'secret')),
    refreshSecret: optionalSecret(row, 'refresh_secret'),
    tokenExpiresAt: optionalTime(row, 'token_expires_at'),
    credentialVersion: numberOf(row, 'credential_version'),
    planOnly: numberOf(row, 'plan_only') === 1,
    network: optionalSecret(row, 'network'),
    pausedAt: optionalTime(row, 'paused_at'),
    createdAt: toMillis(numberOf(row, 'created_at')),
  }
}

function optionalSecret(row: Row, column: string): SealedSecret | undefined {
  const text = optionalText(row, column)
  return text === undefined ? undefined : toSealedSecret(text)
}

function optionalTime(row: Row, column: string): Millis | undefined {
  const at = optionalNumber(row, column)
  return at === undefined ? undefined : toMillis(at)
}
