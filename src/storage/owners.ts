/**
 * Which account made a file, a batch or a skill. In memory, bounded, written behind; the
 * oldest go first, as the providers forget them too.
 */
import { toAccountId } from '../core/account.ts'
import type { Clock } from '../core/ports/clock.ts'
import type { OwnerStore } from '../core/ports/stores.ts'
import { type Database, statement, textOf } from './database.ts'
import type { WriteBehind } from './write-behind.ts'

const MOST_OWNERS = 100_000

export async function openOwners(database: Database, behind: WriteBehind, clock: Clock): Promise<OwnerStore> {
  const rows = await database.load(`select * from owners order by created_at desc limit ${MOST_OWNERS}`)
  const owners = new Map(
    rows.toReversed().map((row) => [textOf(row, 'resource'), toAccountId(textOf(row, 'account_id'))]),
  )
  return {
    ownerOf: (resource) => owners.get(resource),
    put(resource, account) {
      owners.set(resource, account)
      const text = `insert into owners (resource, account_id, created_at) values ($1, $2, $3)
        on conflict (resource) do update set account_id = excluded.account_id`
      behind.hurry(`owner ${resource}`, () => statement(text, resource, account, clock.now()))
      const [oldest] = owners.keys()
      if (owners.size > MOST_OWNERS && oldest !== undefined) owners.delete(oldest)
    },
    get isEmpty() {
      return owners.size === 0
    },
  }
}
