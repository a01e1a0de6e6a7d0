/**
 * Settings that were changed through the API, and single facts about the database itself
 * (`meta`). Written through with full durability.
 */
import type { SettingStore, TermsStore } from '../core/ports/stores.ts'
import { toMillis } from '../core/time.ts'
import {
  type Database,
  jsonOf,
  optionalText,
  type Statement,
  statement,
  textOf,
  toUserError,
} from './database.ts'

export async function openSettings(database: Database): Promise<SettingStore> {
  const rows = await database.load('select * from settings')
  const settings = new Map(rows.map((row) => [textOf(row, 'name'), jsonOf<unknown>(row, 'value_json', null)]))
  const commit = async (text: string, ...values: readonly string[]): Promise<void> => {
    try {
      await database.commit([statement(text, ...values)], 'full')
    } catch (error) {
      throw toUserError(error, 'The setting was changed by somebody else at the same time.')
    }
  }
  return {
    all: () => settings,
    async set(name, value) {
      const text =
        'insert into settings (name, value_json) values ($1, $2) on conflict (name) do update set value_json = excluded.value_json'
      await commit(text, name, JSON.stringify(value))
      settings.set(name, value)
    },
    async unset(name) {
      await commit('delete from settings where name = $1', name)
      settings.delete(name)
    },
  }
}

export async function readMeta(database: Database, name: string): Promise<string | undefined> {
  const [row] = await database.load('select value from meta where name = $1', [name])
  return row === undefined ? undefined : optionalText(row, 'value')
}

export async function writeMeta(database: Database, name: string, value: string): Promise<void> {
  await database.commit([writingMeta(name, value)], 'full')
}

export const writingMeta = (name: string, value: string): Statement =>
  statement(
    'insert into meta (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value',
    ...[name, value],
  )

const TERMS = 'subscription-terms-accepted-at'

export async function openTerms(database: Database): Promise<TermsStore> {
  const known = await readMeta(database, TERMS)
  let acceptedAt = known === undefined ? undefined : toMillis(Number(known))
  return {
    get acceptedAt() {
      return acceptedAt
    },
    async accept(now) {
      if (acceptedAt !== undefined) return
      try {
        await writeMeta(database, TERMS, String(now))
      } catch (error) {
        throw toUserError(error, 'The terms were accepted by somebody else at the same time.')
      }
      acceptedAt = now
    },
  }
}
