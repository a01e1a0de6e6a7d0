/** Who is signed in: in memory by digest, written through; only the time of the last use is written behind. */
import type { VisitStore } from '../core/ports/people.ts'
import { toMillis } from '../core/time.ts'
import { PERSON_ROLES } from '../core/user.ts'
import type { SignInWay, Visit } from '../core/visit.ts'
import {
  type Database,
  numberOf,
  optionalText,
  type Row,
  statement,
  textOf,
  toUserError,
} from './database.ts'
import type { WriteBehind } from './write-behind.ts'

const INSERT = `insert into visits (id, digest, name, role, way, user_id, peer, created_at, used_at, ends_at)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`

export async function openVisits(database: Database, behind: WriteBehind): Promise<VisitStore> {
  const rows = await database.load('select * from visits order by id')
  const visits = new Map(rows.map(toVisit).map((visit) => [visit.digest, visit]))
  const commit = async (statements: Parameters<Database['commit']>[0]): Promise<void> => {
    try {
      await database.commit(statements, 'full')
    } catch (error) {
      throw toUserError(error, 'Somebody has signed in with the same secret.')
    }
  }
  return {
    all: () => [...visits.values()],
    byDigest: (digest) => visits.get(digest),
    async add(visit) {
      const { id, digest, name, role, way, userId = null, peer, createdAt, usedAt, endsAt } = visit
      const values = [id, digest, name, role, way, userId, peer, createdAt, usedAt, endsAt]
      await commit([statement(INSERT, ...values)])
      visits.set(digest, visit)
    },
    touch(id, usedAt) {
      const visit = [...visits.values()].find((each) => each.id === id)
      if (visit === undefined) return
      visits.set(visit.digest, { ...visit, usedAt })
      behind.defer(`visit ${id}`, () => statement('update visits set used_at = $1 where id = $2', usedAt, id))
    },
    async remove(ids) {
      await commit(ids.map((id) => statement('delete from visits where id = $1', id)))
      const gone = new Set(ids)
      for (const [digest, { id }] of visits) if (gone.has(id)) visits.delete(digest)
    },
  }
}

function toVisit(row: Row): Visit {
  return {
    id: textOf(row, 'id'),
    digest: textOf(row, 'digest'),
    name: textOf(row, 'name'),
    // Whoever has a role that this version does not know may do least.
    role: PERSON_ROLES.find((role) => role === textOf(row, 'role')) ?? 'viewer',
    // Written from the same union.
    way: textOf(row, 'way') as SignInWay,
    userId: optionalText(row, 'user_id'),
    peer: textOf(row, 'peer'),
    createdAt: toMillis(numberOf(row, 'created_at')),
    usedAt: toMillis(numberOf(row, 'used_at')),
    endsAt: toMillis(numberOf(row, 'ends_at')),
  }
}
