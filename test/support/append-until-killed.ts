/**
 * A process of its own that appends ledger rows as fast as it can and says each row's number
 * once the row is safe, until it is killed. Arguments: the database's place, a directory.
 */
import { writeSync } from 'node:fs'
import { migrate } from '../../src/storage/migrations.ts'
import { openPostgres } from '../../src/storage/postgres.ts'
import { openSqlite } from '../../src/storage/sqlite.ts'
import { openLedger } from './ledgers.ts'
import { sampleRow } from './samples.ts'

const [place = '', directory = ''] = process.argv.slice(2)
const database = place.startsWith('postgres:') ? await openPostgres(place) : openSqlite(place)
await migrate(database)
const ledger = openLedger(database, directory)

for (let number = 1; ; number++) {
  ledger.append(sampleRow(number))
  writeSync(1, `${number}\n`)
  if (number % 7 === 0) await Bun.sleep(0)
}
