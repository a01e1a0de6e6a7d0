/** What has happened to accounts: written behind, read for people, bounded for each account. */
import type { AccountEvent, EventKind } from '../core/event.ts'
import type { EventStore, StoredEvent } from '../core/ports/stores.ts'
import { toMillis } from '../core/time.ts'
import {
  type Database,
  numberOf,
  optionalNumber,
  optionalText,
  type Row,
  statement,
  textOf,
} from './database.ts'
import type { WriteBehind } from './write-behind.ts'

const INSERT =
  'insert into account_events (id, account_id, at, kind, scope, cause, evidence, until) values ($1, $2, $3, $4, $5, $6, $7, $8)'
/** Older ones go when new ones come. */
const MOST_OF_ONE = 1_000
const FORGET = `delete from account_events where account_id = $1 and id not in (
  select id from account_events where account_id = $2 order by id desc limit ${MOST_OF_ONE})`
const FORGET_EVERY = 100

export function createEvents(
  database: Database,
  behind: WriteBehind,
  { newId, settled }: { readonly newId: () => string; readonly settled: () => Promise<void> },
): EventStore {
  const added = new Map<string, number>()
  return {
    add(account, event) {
      const id = newId()
      behind.hurry(`event ${id}`, () => insertion(id, account, event))
      const count = added.get(account) ?? 0
      added.set(account, count + 1)
      // With its first one too: an earlier run may have ended before it had a hundred.
      if (count % FORGET_EVERY === 0)
        behind.defer(`events of ${account}`, () => statement(FORGET, account, account))
    },
    async list(account, { limit, before }) {
      await settled()
      const rows =
        before === undefined
          ? await database.read(
              'select * from account_events where account_id = $1 order by id desc limit $2',
              [account, limit],
            )
          : await database.read(
              'select * from account_events where account_id = $1 and id < $2 order by id desc limit $3',
              [account, before, limit],
            )
      return rows.map(toEvent)
    },
  }
}

const insertion = (id: string, account: string, { at, kind, scope, cause, evidence, until }: AccountEvent) =>
  statement(INSERT, ...[id, account, at, kind, scope ?? null, cause ?? null, evidence ?? null, until ?? null])

function toEvent(row: Row): StoredEvent {
  const scope = optionalText(row, 'scope')
  const cause = optionalText(row, 'cause')
  const evidence = optionalText(row, 'evidence')
  const until = optionalNumber(row, 'until')
  return {
    id: textOf(row, 'id'),
    at: toMillis(numberOf(row, 'at')),
    // Written from the same union.
    kind: textOf(row, 'kind') as EventKind,
    ...(scope === undefined ? {} : { scope }),
    ...(cause === undefined ? {} : { cause }),
    ...(evidence === undefined ? {} : { evidence }),
    ...(until === undefined ? {} : { until: toMillis(until) }),
  }
}
