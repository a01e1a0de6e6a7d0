/**
 * The operator's accounts: kept in memory for the request path, written through with full
 * durability. Secrets arrive sealed and leave sealed. What an operator changes and what a
 * credential's renewal changes are different columns, so neither overwrites the other.
 */
import {
  type Account,
  type AccountId,
  type SealedSecret,
  toAccountId,
  toSealedSecret,
} from '../core/account.ts'
import { GatewayError } from '../core/error.ts'
import type { AccountChange, AccountStore } from '../core/ports/stores.ts'
import { type Millis, toMillis } from '../core/time.ts'
import {
  type Database,
  jsonOf,
  numberOf,
  optionalNumber,
  optionalText,
  type Row,
  type Statement,
  statement,
  textOf,
  toUserError,
  type Value,
} from './database.ts'

const INSERT = `insert into accounts (id, provider, secret, refresh_secret, token_expires_at,
  credential_version, created_at, name, base_url, priority, weight, tier, groups_json, model_map_json, models_json,
  max_concurrent, plan_only, network, paused_at)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`

/** The accounts, and the way for whoever renews a credential to put the new one among them. */
export interface OpenAccounts extends AccountStore {
  /** Takes over what is stored already. */
  adopt(account: Account): void
}

export async function openAccounts(
  database: Database,
  onChange: (accounts: readonly Account[]) => void,
): Promise<OpenAccounts> {
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
  const find = (id: AccountId): Account => {
    const account = accounts.find((each) => each.id === id)
    if (account === undefined) throw new GatewayError('not-found', `There is no account ${id}.`)
    return account
  }
  const put = (account: Account): void =>
    replace(accounts.map((each) => (each.id === account.id ? account : each)))
  return {
    all: () => accounts,
    async add(account) {
      await commit(account.name, statement(INSERT, ...fixed(account), ...changeable(account)))
      replace([...accounts, account])
    },
    async change(id, change) {
      const wanted = { ...find(id), ...change }
      await commit(wanted.name, ...updateOf(wanted, change))
      // Its credential may have been renewed in the meantime, or something else changed.
      const changed = { ...find(id), ...change }
      put(changed)
      return changed
    },
    async remove(id) {
      await commit(
        '',
        statement('delete from accounts where id = $1', id),
        statement('delete from account_health where account_id = $1', id),
        statement('delete from account_events where account_id = $1', id),
        statement('delete from window_readings where account_id = $1', id),
        statement('delete from bindings where account_id = $1', id),
      )
      replace(accounts.filter((each) => each.id !== id))
    },
    adopt: put,
  }
}

const fixed = (account: Account): readonly Value[] => [
  account.id,
  account.provider,
  account.secret,
  account.refreshSecret ?? null,
  account.tokenExpiresAt ?? null,
  account.credentialVersion,
  account.createdAt,
]

const changeable = (account: Account): readonly Value[] => CHANGEABLE.map(({ read }) => read(account))

interface Column {
  readonly field: keyof AccountChange
  readonly column: string
  readonly read: (account: Account) => Value
}

/** What an operator may change, in the order of `INSERT`. */
const CHANGEABLE: readonly Column[] = [
  { field: 'name', column: 'name', read: ({ name }) => name },
  { field: 'baseUrl', column: 'base_url', read: ({ baseUrl = null }) => baseUrl },
  { field: 'priority', column: 'priority', read: ({ priority }) => priority },
  { field: 'weight', column: 'weight', read: ({ weight }) => weight },
  { field: 'tier', column: 'tier', read: ({ tier }) => tier },
  { field: 'groups', column: 'groups_json', read: ({ groups }) => JSON.stringify(groups) },
  { field: 'modelMap', column: 'model_map_json', read: ({ modelMap }) => JSON.stringify([...modelMap]) },
  {
    field: 'models',
    column: 'models_json',
    read: ({ models }) => (models === undefined ? null : JSON.stringify(models)),
  },
  { field: 'maxConcurrent', column: 'max_concurrent', read: ({ maxConcurrent = null }) => maxConcurrent },
  { field: 'planOnly', column: 'plan_only', read: ({ planOnly }) => (planOnly ? 1 : 0) },
  { field: 'network', column: 'network', read: ({ network = null }) => network },
  { field: 'pausedAt', column: 'paused_at', read: ({ pausedAt = null }) => pausedAt },
]

/** Only what the change names: another one may be on its way at the same time. */
function updateOf(wanted: Account, change: AccountChange): readonly Statement[] {
  const changed = CHANGEABLE.filter(({ field }) => Object.hasOwn(change, field))
  if (changed.length === 0) return []
  const places = changed.map(({ column }, index) => `${column} = $${index + 1}`)
  const text = `update accounts set ${places.join(', ')} where id = $${changed.length + 1}`
  return [statement(text, ...changed.map(({ read }) => read(wanted)), wanted.id)]
}

export function toAccount(row: Row): Account {
  return {
    id: toAccountId(textOf(row, 'id')),
    name: textOf(row, 'name'),
    provider: textOf(row, 'provider'),
    baseUrl: optionalText(row, 'base_url'),
    priority: numberOf(row, 'priority'),
    weight: numberOf(row, 'weight'),
    tier: numberOf(row, 'tier'),
    groups: jsonOf<readonly string[]>(row, 'groups_json', []),
    modelMap: toModelMap(jsonOf<readonly MapEntry[]>(row, 'model_map_json', [])),
    models: jsonOf<readonly string[] | undefined>(row, 'models_json', undefined),
    maxConcurrent: optionalNumber(row, 'max_concurrent'),
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

/** Before there were alternatives, each entry had one name. */
type MapEntry = readonly [string, string | readonly string[]]

const toModelMap = (entries: readonly MapEntry[]): Account['modelMap'] =>
  new Map(entries.map(([from, to]) => [from, typeof to === 'string' ? [to] : to]))

function optionalSecret(row: Row, column: string): SealedSecret | undefined {
  const text = optionalText(row, column)
  return text === undefined ? undefined : toSealedSecret(text)
}

function optionalTime(row: Row, column: string): Millis | undefined {
  const at = optionalNumber(row, column)
  return at === undefined ? undefined : toMillis(at)
}
