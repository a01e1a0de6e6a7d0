/**
 * The operator's accounts: kept in memory for the request path, written through with full
 * durability. Secrets arrive sealed and leave sealed.
 */
import { type Account, toAccountId, toSealedSecret } from '../core/account.ts'
import { GatewayError } from '../core/error.ts'
import type { AccountStore } from '../core/ports/stores.ts'
import { toMillis } from '../core/time.ts'
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
  secret, paused_at, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`
const UPDATE = `update accounts set name = $1, base_url = $2, priority = $3, weight = $4, tier = $5, groups_json = $6,
  model_map_json = $7, secret = $8, paused_at = $9 where id = $10`

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
  account.pausedAt ?? null,
]

function toAccount(row: Row): Account {
  const pausedAt = optionalNumber(row, 'paused_at')
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
    pausedAt: pausedAt === undefined ? undefined : toMillis(pausedAt),
    createdAt: toMillis(numberOf(row, 'created_at')),
  }
}
