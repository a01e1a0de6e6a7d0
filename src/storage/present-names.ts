/** What accounts and keys are called now, or were called last. Must not count anything. */
import type { Dimension, Fact } from '../core/rollup.ts'
import { type Database, numberOf, textOf } from './database.ts'

/** The value of a dimension as people know it; undefined where there is none. */
export type Names = (dimension: Dimension, value: string) => string | undefined

const NAMES = `select kind, id, name, at from rollup_names
  union all select 'account', id, name, null from accounts
  union all select 'key', id, name, null from client_keys`

/** `facts`: newer than the stored names, or not in them yet. */
export async function readNames(database: Database, facts: readonly Fact[]): Promise<Names> {
  const known = new Map<string, { readonly name: string; readonly at: number }>()
  const learn = (key: string, name: string, at: number): void => {
    if (name !== '' && at >= (known.get(key)?.at ?? Number.NEGATIVE_INFINITY)) known.set(key, { name, at })
  }
  for (const row of await database.read(NAMES)) {
    // Whatever is still there is called as it is called now.
    const at = row.at === null ? Number.POSITIVE_INFINITY : numberOf(row, 'at')
    learn(`${textOf(row, 'kind')} ${textOf(row, 'id')}`, textOf(row, 'name'), at)
  }
  for (const fact of facts) {
    learn(`account ${fact.account}`, fact.accountName, fact.at)
    learn(`key ${fact.key}`, fact.keyName, fact.at)
  }
  return (dimension, value) => {
    if (value === '') return undefined
    const isNamed = dimension === 'account' || dimension === 'key'
    return isNamed ? (known.get(`${dimension} ${value}`)?.name ?? value) : value
  }
}
