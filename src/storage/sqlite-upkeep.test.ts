/** Upkeep beside writes: copies, compacting, giving pages back; damage that is come upon while the file is in use. */
import { Database as Sqlite } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { databases } from '../../test/support/databases.ts'
import { idsOf, openLedger, rowsIn } from '../../test/support/ledgers.ts'
import { NOON, rowIdOf, sampleRow } from '../../test/support/samples.ts'
import { eventually } from '../../test/support/world.ts'
import { later } from '../core/time.ts'
import { type Database, statement, toUserError } from './database.ts'
import { migrate } from './migrations.ts'
import { createRetention } from './retention.ts'
import { openSqlite } from './sqlite.ts'

let directory: string
let file: string
let database: Database
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'spillway-upkeep-'))
  file = join(directory, 'spillway.db')
  database = openSqlite(file)
  await migrate(database)
})
afterEach(async () => {
  await database.close()
  chmodSync(directory, 0o700)
  rmSync(directory, { recursive: true, force: true })
})

const never = (): boolean => false
const TEXT = 'x'.repeat(3_000)

async function book(count: number, from = 1): Promise<void> {
  const ledger = openLedger(database, directory)
  for (let number = from; number < from + count; number++) ledger.append(sampleRow(number, { error: TEXT }))
  await ledger.close()
}

describe('a backup', () => {
  it('is whole and sound while rows are booked, its user’s alone, and leaves nothing beside it', async () => {
    await book(300)
    const target = join(directory, 'copy.db')
    const ledger = openLedger(database, directory)
    const making = database.upkeep.backup(target)
    for (let number = 301; number <= 400; number++) ledger.append(sampleRow(number))
    const { bytes } = await making
    await ledger.close()
    expect(statSync(target)).toMatchObject({ size: bytes, mode: 0o100_600 })
    expect(readdirSync(directory).filter((name) => name.startsWith('copy.db'))).toEqual(['copy.db'])
    const copy = openSqlite(target)
    const ids = idsOf(await rowsIn(copy))
    expect(await copy.check()).toEqual([])
    await copy.close()
    expect(ids.length).toBeGreaterThanOrEqual(300)
    expect(ids).toEqual(Array.from(ids, (_, index) => rowIdOf(index + 1)))
    expect(await rowsIn(database)).toHaveLength(400)
  })

  it('never takes the place of anything', async () => {
    const target = join(directory, 'letter')
    writeFileSync(target, 'mine')
    await expect(database.upkeep.backup(target)).rejects.toMatchObject({
      code: 'unavailable',
      message: `The backup was not made: there is a file ${target} already.`,
    })
    expect(readFileSync(target, 'utf8')).toBe('mine')
    expect(existsSync(`${target}.part`)).toBe(false)
  })

  it.each(['-wal', '-journal', '.restoring'])('cannot be called like the database with %s', async (tail) => {
    await expect(database.upkeep.backup(`${file}${tail}`)).rejects.toMatchObject({ code: 'bad-request' })
  })

  it('says which directory is not there', async () => {
    const refusal = database.upkeep.backup(join(directory, 'nowhere', 'copy.db'))
    await expect(refusal).rejects.toThrow(`There is no directory ${join(directory, 'nowhere')}`)
  })
})

describe('compacting', () => {
  it('makes the file smaller; what comes meanwhile is refused or waits, and then comes in', async () => {
    await book(2_000)
    await createRetention(database, async () => true).forgetRequests(later(NOON, 1_901), never)
    const before = (await database.upkeep.measure()).bytes
    const compacting = database.upkeep.compact()
    await eventually(async () => (await commitNow()) === 'compacting' || undefined, 'the compacting to begin')
    const ledger = openLedger(database, directory)
    ledger.append(sampleRow(3_000))
    await compacting
    await ledger.close()
    expect(statSync(file).size).toBeLessThan(before / 4)
    expect(await database.check()).toEqual([])
    expect(idsOf(await rowsIn(database)).at(-1)).toBe(rowIdOf(3_000))
    expect(await commitNow()).toBe('done')
  })

  it('is told to whoever wanted to change something', async () => {
    await book(500)
    const compacting = database.upkeep.compact()
    const refusal = await eventually(
      () =>
        database.commit([statement('delete from meta')], 'full').then(
          () => undefined,
          (error: unknown) => error,
        ),
      'the compacting to begin',
    )
    await compacting
    expect(toUserError(refusal, '').message).toBe(
      'The database is being compacted; the change was not saved. Try again when that is done.',
    )
  })

  it('makes a database of an earlier version give pages back from then on', async () => {
    await database.close()
    rmSync(file)
    new Sqlite(file, { create: true }).run('create table of_an_earlier_version (x text)')
    database = openSqlite(file)
    await migrate(database)
    await book(8_000)
    const forget = async (): Promise<number> => {
      await createRetention(database, async () => true).forgetRequests(later(NOON, 9_000), never)
      await createRetention(database, async () => true).shrink(never)
      return (await database.upkeep.measure()).freeBytes
    }
    expect(await forget()).toBeGreaterThan(20 << 20)
    await database.upkeep.compact()
    await book(8_000)
    expect(await forget()).toBeLessThanOrEqual(16 << 20)
  })

  /** What becomes of a commit now. */
  const commitNow = (): Promise<string> =>
    database.commit([statement("delete from meta where name = 'x'")], 'full').then(
      () => 'done',
      ({ problem }) => problem,
    )
})

describe('damage that is come upon while the file is in use', () => {
  it('is a sentence to the reader, stays among the problems, and is gone when a check finds none', async () => {
    await book(400)
    await database.upkeep.compact()
    const whole = readFileSync(file)
    overwrite(Buffer.alloc(whole.length - 4_096 * 100, 0xa5), 4_096 * 100)
    const findings = await database.check()
    expect(findings.length).toBeGreaterThan(0)
    expect(database.problems()).toEqual([expect.stringContaining(`The database ${file} is damaged (`)])
    overwrite(whole, 0)
    expect(await database.check()).toEqual([])
    expect(database.problems()).toEqual([])
  })

  it('keeps no row from being safe: those that the database does not take wait in the journal', async () => {
    await book(400)
    await database.upkeep.compact()
    const whole = readFileSync(file)
    await database.close()
    overwrite(Buffer.alloc(whole.length - 4_096 * 100, 0xa5), 4_096 * 100)
    // Of a size that no start looks through.
    database = openUnchecked()
    await expect(database.read('select * from requests order by id')).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('restore a backup'),
    })
    const ledger = openLedger(database, directory)
    for (let number = 500; number < 520; number++) ledger.append(sampleRow(number))
    await ledger.settled()
    expect(ledger.status()).toMatchObject({
      waiting: 20,
      lost: 0,
      problem: expect.stringContaining('malformed'),
    })
    expect(database.problems()).toHaveLength(1)
    await ledger.close()
    await database.close()
    writeFileSync(file, whole)
    database = openSqlite(file)
    const again = openLedger(database, directory)
    expect(await again.recover()).toBe(20)
    await again.close()
    expect(await rowsIn(database)).toHaveLength(420)
  })

  /** As a database too large to be looked through at the start would be. */
  function openUnchecked(): Database {
    const bytes = readFileSync(file)
    const padded = Buffer.concat([bytes, Buffer.alloc(17 << 20)])
    writeFileSync(file, padded)
    return openSqlite(file)
  }
})

describe('a log that cannot be moved into the database', () => {
  it('is a problem, until it can be', async () => {
    const fill = async (): Promise<void> => {
      const text =
        "insert into meta (name, value) values ('x', $1) on conflict (name) do update set value = excluded.value"
      await database.commit(
        Array.from({ length: 9_000 }, (_, index) => statement(text, `${index}`)),
        'normal',
      )
    }
    await fill()
    // The worker that moves the log is there by now: somebody else may not be able to read its program.
    await database.read('select 1 as one')
    await asSomebodyElse(async () => {
      for (let times = 0; times < 3; times++) await fill()
      const [problem] = await eventually(
        () => (database.problems().length > 0 ? database.problems() : undefined),
        'it',
      )
      expect(problem).toMatch(/spillway\.db-wal cannot be moved into the database and grows: .*permissions/)
    })
    await fill()
    await eventually(() => database.problems().length === 0 || undefined, 'the log to be moved')
  })
})

describe.each(await databases())('upkeep on %s', (kind, useDatabase) => {
  const its = useDatabase()

  it('sweeps, measures, analyzes, compacts, and tells how to be backed up', async () => {
    const present = await its.open()
    const ledger = openLedger(present, its.directory)
    for (let number = 1; number <= 50; number++) ledger.append(sampleRow(number))
    await ledger.close()
    const { upkeep } = present
    const { changed } = await upkeep.sweep(
      statement('delete from requests where started_at <= $1', NOON + 20),
    )
    expect(changed).toBe(20)
    await upkeep.analyze()
    await upkeep.compact()
    const { bytes, tables } = await upkeep.measure()
    expect(bytes).toBeGreaterThan(50_000)
    expect(tables.find(({ name }) => name === 'requests')).toEqual({ name: 'requests', rows: 30 })
    const target = join(its.directory, 'copy.db')
    if (kind === 'SQLite') expect(await upkeep.backup(target)).toMatchObject({ file: target })
    else await expect(upkeep.backup(target)).rejects.toThrow(/pg_dump/)
  })

  it('tells what is wrong with a statement, and goes on', async () => {
    const { upkeep } = await its.open()
    await expect(upkeep.sweep(statement('delete from nowhere'))).rejects.toThrow(/nowhere/)
    expect(await upkeep.sweep(statement('delete from meta'))).toMatchObject({ changed: 0 })
  })
})

/** As a failing disk does: beneath everybody who has the file open. */
function overwrite(bytes: Buffer, at: number): void {
  const descriptor = openSync(file, 'r+')
  writeSync(descriptor, bytes, 0, bytes.length, at)
  closeSync(descriptor)
}

/** Root may write everything, and is somebody else for as long as this lasts. */
async function asSomebodyElse(work: () => Promise<void>): Promise<void> {
  const { geteuid, seteuid } = process
  const isRoot = geteuid?.() === 0
  chmodSync(file, 0o444)
  chmodSync(directory, 0o555)
  if (isRoot) seteuid?.(65_534)
  try {
    await work()
  } finally {
    if (isRoot) seteuid?.(0)
    chmodSync(directory, 0o700)
    chmodSync(file, 0o600)
  }
}
