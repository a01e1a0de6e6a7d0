/**
 * What is particular to SQLite: a file that others hold, that is damaged or cannot be written;
 * reads, checks and checkpoints beside the writes. A file is never deleted or replaced.
 */
import { Database as Sqlite } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openLedger, rowsIn } from '../../test/support/ledgers.ts'
import { memoryLog, sampleAccount, sampleRow } from '../../test/support/samples.ts'
import { eventually } from '../../test/support/world.ts'
import { openAccounts } from './accounts.ts'
import { type Database, DatabaseError, statement } from './database.ts'
import { migrate } from './migrations.ts'
import { openSqlite } from './sqlite.ts'

let directory: string
let file: string
let opened: Database[]
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spillway-sqlite-'))
  file = join(directory, 'spillway.db')
  opened = []
})
afterEach(async () => {
  for (const each of opened) await each.close()
  rmSync(directory, { recursive: true, force: true })
})

async function open(): Promise<Database> {
  const database = openSqlite(file)
  opened.push(database)
  await migrate(database)
  return database
}

/** Another program that is in the middle of a write; gives the function that ends it. */
function hold(): () => void {
  const other = new Sqlite(file)
  other.run('begin immediate')
  return () => {
    other.run('rollback')
    other.close()
  }
}

describe('a database that another program holds', () => {
  it('takes a change as soon as it is free, and holds nothing up meanwhile', async () => {
    const accounts = await openAccounts(await open(), () => {})
    const release = hold()
    const adding = accounts.add(sampleAccount('a'))
    setTimeout(release, 50)
    await adding
    expect(accounts.all()).toHaveLength(1)
  })

  it('refuses an operator’s change with a sentence after some seconds, while rows wait and append returns', async () => {
    const database = await open()
    const log = memoryLog()
    const ledger = openLedger(database, directory, { log })
    const accounts = await openAccounts(database, () => {})
    const release = hold()
    ledger.append(sampleRow(1))
    expect(ledger.status().waiting).toBe(1)
    const refusal = accounts.add(sampleAccount('a'))
    await expect(refusal).rejects.toMatchObject({
      code: 'unavailable',
      message: 'Another program holds the database; the change was not saved.',
    })
    const problem = await eventually(() => ledger.status().problem, 'the ledger to notice')
    expect(problem).toContain('locked')
    expect(ledger.status()).toMatchObject({ waiting: 1, lost: 0 })
    release()
    await ledger.settled()
    expect(ledger.status()).toEqual({ waiting: 0, lost: 0, problem: undefined })
    expect(accounts.all()).toEqual([])
    await accounts.add(sampleAccount('a'))
    await ledger.close()
  })

  it('can still be read', async () => {
    const database = await open()
    const release = hold()
    expect(await database.read('select count(*) as count from accounts')).toMatchObject([{ count: 0 }])
    expect(await database.load('select count(*) as count from accounts')).toMatchObject([{ count: 0 }])
    release()
  })
})

describe('statements', () => {
  it('are done all or not at all', async () => {
    const database = await open()
    const both = database.commit(
      [
        statement("insert into meta (name, value) values ('a', '1')"),
        statement("insert into meta (name, value) values ('b', null)"),
      ],
      'full',
    )
    await expect(both).rejects.toBeInstanceOf(DatabaseError)
    expect(await database.load('select * from meta')).toHaveLength(0)
    await database.commit([statement("insert into meta (name, value) values ('a', '1')")], 'full')
  })

  it('tell how many rows each changed', async () => {
    const database = await open()
    const insert = (name: string) => statement('insert into meta (name, value) values ($1, $2)', name, 'x')
    const changes = await database.commit(
      [insert('a'), insert('b'), statement('delete from meta'), statement('delete from meta')],
      'normal',
    )
    expect(changes).toEqual([1, 1, 2, 0])
  })

  it('that are wrong are a DatabaseError with a reason, on the main thread and in the worker', async () => {
    const database = await open()
    await expect(
      database.commit([statement('insert into nowhere values (1)')], 'full'),
    ).rejects.toMatchObject({
      problem: 'other',
      message: 'no such table: nowhere',
    })
    await expect(database.read('select * from nowhere')).rejects.toMatchObject({
      problem: 'other',
      message: 'no such table: nowhere',
    })
    expect(await database.read('select 1 as one')).toEqual([{ one: 1 }])
  })

  it('in the worker cannot write', async () => {
    const database = await open()
    await expect(database.read("insert into meta (name, value) values ('a', '1')")).rejects.toThrow(
      /readonly/,
    )
  })

  it('see in the worker what was just committed', async () => {
    const database = await open()
    for (let n = 0; n < 20; n++) {
      await database.commit(
        [statement('insert into meta (name, value) values ($1, $2)', `${n}`, 'x')],
        'full',
      )
      expect(await database.read('select count(*) as count from meta')).toMatchObject([{ count: n + 1 }])
    }
  })

  it('that wait for the worker are refused when the database is closed', async () => {
    const database = await open()
    const refusal = database.read('select 1').catch((error: unknown) => error)
    await database.close()
    expect(await refusal).toMatchObject({ message: 'The database is closed.' })
  })
})

describe('the file', () => {
  it('is its user’s alone, and so is everything beside it', async () => {
    const umask = process.umask(0o022)
    const database = await open()
    await database.commit([statement("insert into meta (name, value) values ('a', '1')")], 'full')
    await database.read('select 1')
    process.umask(umask)
    expect(modeOf(file)).toBe(0o600)
    for (const tail of ['-wal', '-shm']) expect([tail, modeOf(`${file}${tail}`)]).toEqual([tail, 0o600])
  })

  it('takes what was written out of its log by and by, beside the writes', async () => {
    const database = await open()
    await database.read('select 1')
    const before = statSync(file).size
    const text = 'insert into meta (name, value) values ($1, $2)'
    for (let batch = 0; batch < 20; batch++) {
      await database.commit(
        Array.from({ length: 500 }, (_, index) => statement(text, `${batch}-${index}`, 'x'.repeat(400))),
        'normal',
      )
    }
    await eventually(() => statSync(file).size > before, 'the checkpoint')
  })

  it('that is sound has no findings', async () => {
    const database = await open()
    expect(await database.check()).toEqual([])
  })

  it('whose index does not fit its table is found out by the check', async () => {
    const database = await open()
    const ledger = openLedger(database, directory)
    ledger.append(sampleRow(1, { session: 'talk-1' }))
    await ledger.close()
    await database.close()
    consolidate(file)
    spoilIndexEntry(file)
    const findings = await (await open()).check()
    expect(findings.join()).toContain('requests_by_session')
  })
})

describe('a file that cannot be written', () => {
  it('is refused with a sentence that names it, and stays as it is', async () => {
    await (await open()).close()
    consolidate(file)
    const before = readFileSync(file)
    const refusal = await asSomebodyElse(directory, () => refusalOf(file))
    expect(refusal).toContain(`The database ${file} cannot be written`)
    expect(refusal).toContain('Check the owner and the permissions of its directory.')
    expect(readFileSync(file).equals(before)).toBe(true)
  })

  it('is refused when it is a directory, or its directory is not there', () => {
    expect(refusalOf(directory)).toContain(`The database ${directory} cannot be written`)
    const nowhere = join(directory, 'nowhere', 'spillway.db')
    expect(refusalOf(nowhere)).toContain(`The database ${nowhere} cannot be written`)
    expect(existsSync(join(directory, 'nowhere'))).toBe(false)
  })
})

describe('a damaged file', () => {
  it.each([
    [
      'that is no database',
      Buffer.from('This is a letter to my grandmother, and quite a long one.'.repeat(40)),
    ],
    ['of zeros', Buffer.alloc(8_192)],
  ])('%s is refused and left alone', (_what, bytes) => {
    writeFileSync(file, bytes)
    const refusal = refusalOf(file)
    expect(refusal).toContain(`The database ${file} is damaged`)
    expect(refusal).toContain('Nothing was changed. Restore a backup in its place')
    expect(refusal).toContain('.recover')
    expect(readFileSync(file).equals(bytes)).toBe(true)
  })

  it('that was cut off is refused and left alone', async () => {
    const whole = await someContent()
    const half = whole.subarray(0, Math.floor(whole.length / 2))
    writeFileSync(file, half)
    expect(refusalOf(file)).toContain(`The database ${file} is damaged`)
    expect(readFileSync(file).equals(half)).toBe(true)
  })

  it('opens or is refused by name, wherever a byte is flipped, and is never changed by a refusal', async () => {
    const whole = await someContent()
    const places = placesIn(whole)
    const refused: number[] = []
    for (const place of places) {
      const copy = join(directory, `copy-${place}`)
      mkdirSync(copy)
      const damaged = Buffer.from(whole)
      damaged.writeUInt8(damaged.readUInt8(place) ^ 0xff, place)
      const target = join(copy, 'spillway.db')
      writeFileSync(target, damaged)
      const refusal = refusalOf(target)
      if (refusal === undefined) continue
      refused.push(place)
      expect(refusal).toContain(`The database ${target} `)
      expect(readFileSync(target).equals(damaged)).toBe(true)
    }
    expect(refused).toContain(0)
    expect(refused.length).toBeGreaterThan(10)
  }, 60_000)

  it('that was refused can be opened again once the backup is back', async () => {
    const whole = await someContent()
    const backup = join(directory, 'backup')
    copyFileSync(file, backup)
    writeFileSync(file, whole.subarray(0, 5_000))
    expect(refusalOf(file)).toBeDefined()
    copyFileSync(backup, file)
    expect(await rowsIn(await open())).toHaveLength(200)
  })
})

const modeOf = (path: string): number => statSync(path).mode & 0o777

/** The sentence of the refusal; undefined when it opened. */
function refusalOf(path: string): string | undefined {
  try {
    void openSqlite(path).close()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** A database with some pages of everything, closed; its bytes. */
async function someContent(): Promise<Buffer> {
  const database = await open()
  const ledger = openLedger(database, directory)
  const accounts = await openAccounts(database, () => {})
  for (const name of ['a', 'b', 'c']) await accounts.add(sampleAccount(name, { groups: ['work'] }))
  for (let n = 0; n < 200; n++) ledger.append(sampleRow(n, { session: `talk-${n}` }))
  await ledger.close()
  await database.close()
  consolidate(file)
  return readFileSync(file)
}

/** Fifty places all over the file: where pages say what they are, and where they hold something. */
function placesIn(bytes: Buffer): readonly number[] {
  const pages = bytes.length / PAGE
  const inPage = [0, 3, 5, 8, 1_000]
  return Array.from(
    { length: 50 },
    (_, index) => Math.floor((index * pages) / 50) * PAGE + (inPage[index % inPage.length] ?? 0),
  )
}

const PAGE = 4_096

/** Everything into the one file. */
function consolidate(path: string): void {
  const other = new Sqlite(path)
  other.run('pragma wal_checkpoint(truncate)')
  other.close(true)
  for (const tail of ['-wal', '-shm']) rmSync(`${path}${tail}`, { force: true })
}

/** An index says something else than its table: what a quick check does not see. */
function spoilIndexEntry(path: string): void {
  const other = new Sqlite(path)
  const [index] = other
    .query<{ rootpage: number }, []>("select rootpage from sqlite_master where name = 'requests_by_session'")
    .all()
  const [size] = other.query<{ page_size: number }, []>('pragma page_size').all()
  other.close(true)
  const bytes = readFileSync(path)
  const start = ((index?.rootpage ?? 0) - 1) * (size?.page_size ?? 0)
  const at = bytes.indexOf('talk-1', start)
  if (start < 0 || at < start || at > start + (size?.page_size ?? 0))
    throw new Error('There is no index entry.')
  bytes.write('talk-9', at)
  writeFileSync(path, bytes)
}

/** Where files are not the present user's: for root, who may write everything, by being somebody else. */
async function asSomebodyElse<T>(path: string, work: () => T): Promise<T> {
  const { geteuid, seteuid } = process
  const isRoot = geteuid?.() === 0
  chmodSync(path, 0o555)
  chmodSync(file, 0o444)
  if (isRoot) seteuid?.(65_534)
  try {
    return work()
  } finally {
    if (isRoot) seteuid?.(0)
    chmodSync(path, 0o700)
  }
}
