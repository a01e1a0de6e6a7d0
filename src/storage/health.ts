/**
 * What outlives a restart of an account's health. Cooldowns are written at once (G8), the
 * rest with the next batch.
 */
import { type AccountId, toAccountId } from '../core/account.ts'
import type { Cooldown, LoginNeed } from '../core/health.ts'
import type { Window } from '../core/limits.ts'
import type { HealthStore, StoredHealth, StoredSession } from '../core/ports/stores.ts'
import { type Standing, UNKNOWN_STANDING } from '../core/standing.ts'
import { toMillis } from '../core/time.ts'
import {
  type Database,
  jsonOf,
  numberOf,
  optionalNumber,
  type Row,
  statement,
  textOf,
  type Value,
} from './database.ts'
import type { WriteBehind } from './write-behind.ts'

export async function openHealth(database: Database, behind: WriteBehind): Promise<HealthStore> {
  const rows = await database.load('select * from account_health')
  const stored = new Map(rows.map((row) => [toAccountId(textOf(row, 'account_id')), toStored(row)]))
  return {
    load: () => stored,
    saveCooldowns: (id, cooldowns) =>
      behind.hurry(`cooldowns ${id}`, () => upsert(id, 'cooldowns_json', JSON.stringify(cooldowns))),
    saveWindows: (id, windows) =>
      behind.defer(`windows ${id}`, () => upsert(id, 'windows_json', JSON.stringify(windows))),
    saveLogin: (id, login) =>
      behind.hurry(`login ${id}`, () =>
        upsert(id, 'login_json', login === undefined ? null : JSON.stringify(login)),
      ),
    saveStanding: (id, standing) =>
      behind.defer(`standing ${id}`, () => upsert(id, 'standing_json', JSON.stringify(standing))),
    saveSession: (id, session) => behind.defer(`session ${id}`, () => sessionOf(id, session)),
  }
}

const upsert = (
  id: AccountId,
  column: 'cooldowns_json' | 'windows_json' | 'login_json' | 'standing_json',
  value: Value,
) =>
  statement(
    `insert into account_health (account_id, ${column}) values ($1, $2)
     on conflict (account_id) do update set ${column} = excluded.${column}`,
    ...[id, value],
  )

const sessionOf = (id: AccountId, session: StoredSession | undefined) =>
  statement(
    `insert into account_health (account_id, session_started_at, session_requests) values ($1, $2, $3)
     on conflict (account_id) do update set
       session_started_at = excluded.session_started_at, session_requests = excluded.session_requests`,
    ...[id, session?.startedAt ?? null, session?.requests ?? null],
  )

function toStored(row: Row): StoredHealth {
  const startedAt = optionalNumber(row, 'session_started_at')
  return {
    cooldowns: jsonOf<readonly Cooldown[]>(row, 'cooldowns_json', []),
    windows: jsonOf<readonly Window[]>(row, 'windows_json', []),
    login: jsonOf<LoginNeed | undefined>(row, 'login_json', undefined),
    standing: jsonOf<Standing>(row, 'standing_json', UNKNOWN_STANDING),
    session:
      startedAt === undefined
        ? undefined
        : { startedAt: toMillis(startedAt), requests: numberOf(row, 'session_requests') },
  }
}
