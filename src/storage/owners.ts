/**
 * Which account made a file, a batch, a container or a skill, also when that account has been
 * removed. In memory, bounded, written behind; the
 * oldest go first, as the providers forget them too.
 */
import { toAccountId } from '../core/account.ts'
import type { Owner } from '../core/owner.ts'
import type { Clock } from '../core/ports/clock.ts'
import type { OwnerStore } from '../core/ports/stores.ts'
import { type Database, optionalText, type Row, statement, textOf } from './database.ts'
import type { WriteBehind } from './write-behind.ts'

export const MOST_OWNERS = 100_000

const UPSERT = `insert into owners (resource, account_id, organization, created_at) values ($1, $2, $3, $4)
  on conflict (resource) do update set account_id = excluded.account_id, organization = excluded.organization`

export async function openOwners(database: Database, behind: WriteBehind, clock: Clock): Promise<OwnerStore> {
  const rows = await database.load(`select * from owners order by created_at desc limit ${MOST_OWNERS}`)
  const owners = new Map(rows.toReversed().map((row) => [textOf(row, 'resource'), toOwner(row)]))
  return {
    ownerOf: (resource) => owners.get(resource),
    put(resource, owner) {
      const known = owners.get(resource)
      if (known?.account === owner.account && known.organization === owner.organization) return
      owners.set(resource, owner)
      const { account, organization = null } = owner
      behind.hurry(`owner ${resource}`, () => statement(UPSERT, resource, account, organization, clock.now()))
      const [oldest] = owners.keys()
      if (owners.size > MOST_OWNERS && oldest !== undefined) owners.delete(oldest)
    },
    get isEmpty() {
      return owners.size === 0
    },
  }
}

const toOwner = (row: Row): Owner => ({
  account: toAccountId(textOf(row, 'account_id')),
  organization: optionalText(row, 'organization'),
})
