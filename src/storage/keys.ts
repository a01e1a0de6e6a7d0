/** Client keys: in memory by digest for the request path, written through with full durability. */
import type { ClientKey } from '../core/access.ts'
import { GatewayError } from '../core/error.ts'
import { readKeyRules } from '../core/key-rules.ts'
import type { KeyStore } from '../core/ports/stores.ts'
import { type Millis, toMillis } from '../core/time.ts'
import {
  type Database,
  numberOf,
  optionalNumber,
  optionalText,
  type Row,
  type Statement,
  statement,
  textOf,
  toUserError,
} from './database.ts'

export async function openKeys(database: Database): Promise<KeyStore> {
  const rows = await database.load('select * from client_keys order by created_at, id')
  let keys: readonly ClientKey[] = rows.map(toKey)
  let byDigest = new Map(keys.map((key) => [key.digest, key]))
  const write = async (key: ClientKey, change: Statement, next: () => typeof keys): Promise<void> => {
    try {
      await database.commit([change], 'full')
    } catch (error) {
      throw toUserError(error, `There is a key called "${key.name}" already. Choose another name.`)
    }
    keys = next()
    byDigest = new Map(keys.map((each) => [each.digest, each]))
  }
  return {
    all: () => keys,
    byDigest: (digest) => byDigest.get(digest),
    add: (key) =>
      write(
        key,
        statement(
          'insert into client_keys (id, name, digest, hint, created_at, rules_json) values ($1, $2, $3, $4, $5, $6)',
          ...[key.id, key.name, key.digest, key.hint, key.createdAt, JSON.stringify(key.rules)],
        ),
        () => [...keys, key],
      ),
    async change(id, change) {
      const key = keys.find((each) => each.id === id)
      if (key === undefined) throw new GatewayError('not-found', `There is no key ${id}.`)
      const changed = { ...key, ...change }
      const { name, disabledAt = null, revokedAt = null, rules } = changed
      const text =
        'update client_keys set name = $1, disabled_at = $2, revoked_at = $3, rules_json = $4 where id = $5'
      await write(changed, statement(text, name, disabledAt, revokedAt, JSON.stringify(rules), id), () =>
        keys.map((each) => (each.id === id ? changed : each)),
      )
      return changed
    },
  }
}

function toKey(row: Row): ClientKey {
  const createdAt = toMillis(numberOf(row, 'created_at'))
  const rules = readKeyRules(optionalText(row, 'rules_json'))
  const disabledAt = optionalMoment(row, 'disabled_at')
  return {
    id: textOf(row, 'id'),
    name: textOf(row, 'name'),
    digest: textOf(row, 'digest'),
    hint: textOf(row, 'hint'),
    createdAt,
    // A key of which nobody knows any more what it may do is off until somebody looks at it.
    disabledAt: rules === undefined ? (disabledAt ?? createdAt) : disabledAt,
    revokedAt: optionalMoment(row, 'revoked_at'),
    rules: rules ?? {},
  }
}

function optionalMoment(row: Row, column: string): Millis | undefined {
  const value = optionalNumber(row, column)
  return value === undefined ? undefined : toMillis(value)
}
