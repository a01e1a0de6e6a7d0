/** The upkeep of a PostgreSQL database, which mostly keeps itself. Knows no table. */
import { GatewayError } from '../core/error.ts'
import { numberOf, type Row, type Statement, textOf } from './database.ts'
import type { Upkeep } from './upkeep.ts'

interface Connections {
  run(text: string): Promise<readonly Row[]>
  commit(statements: readonly Statement[]): Promise<readonly number[]>
}

export function createPostgresUpkeep(place: string, { run, commit }: Connections): Upkeep {
  return {
    async sweep(statement) {
      const begun = performance.now()
      const [changed = 0] = await commit([statement])
      return { changed, ms: performance.now() - begun }
    },
    async measure() {
      const [row = {}] = await run('select pg_database_size(current_database()) as bytes')
      const tables = await run(
        `select relname as name, greatest(reltuples, 0) as rows from pg_class
         where relkind = 'r' and relnamespace = 'public'::regnamespace order by relname`,
      )
      return {
        bytes: numberOf(row, 'bytes'),
        freeBytes: 0,
        logBytes: 0,
        tables: tables.map((table) => ({ name: textOf(table, 'name'), rows: numberOf(table, 'rows') })),
      }
    },
    // It keeps its free pages for itself, and uses them again.
    shrink: async () => 0,
    async backup() {
      const message = `The database ${place} is PostgreSQL’s: back it up with pg_dump, and keep the secret key somewhere else.`
      throw new GatewayError('bad-request', message)
    },
    async compact() {
      await run('vacuum (analyze)')
    },
    async analyze() {
      await run('analyze')
    },
  }
}
