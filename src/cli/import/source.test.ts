/** Another program's database is read whole, also while it is written to, and nothing of it is touched. */
import { SQLiteError, Database as Sqlite } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { randomBytes } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CommandError, EXIT } from '../shell.ts'
import { takeSnapshot } from './snapshot.ts'
import { openSource, type Source, toCommandError } from './source.ts'

const PAIRS = "select count(*) as rows, count(distinct text) as pairs from things where text like 'pair%'"

let root: string
let directory: string
let copies: string
let file: string
let opened: { close(): void }[]
const temporary = process.env.TMPDIR
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'spillway-source-'))
  directory = join(root, 'an odd%20name? #1')
  copies = join(root, 'copies')
  for (const each of [directory, copies]) mkdirSync(each)
  file = join(directory, 'other.db')
  opened = []
  process.env.TMPDIR = copies
})
afterEach(() => {
  for (const each of opened) each.close()
  if (temporary === undefined) delete process.env.TMPDIR
  else process.env.TMPDIR = temporary
  rmSync(root, { recursive: true, force: true })
})

describe('a database at rest', () => {
  it.each(['delete', 'wal'])('in the mode %s is read without a copy and without a trace', (mode) => {
    create(mode).close()
    const before = traces()
    const source = open()
    expect(countIn(source)).toBe(3)
    expect(source.read('select text from things where id = ?', [2])).toEqual([{ text: 'thing 2' }])
    expect([...source.columnsOf('things')]).toEqual(['id', 'text'])
    expect([...source.columnsOf('nothing')]).toEqual([])
    expect(readdirSync(copies)).toEqual([])
    source.close()
    expect(traces()).toEqual(before)
  })

  it('cannot be written to', () => {
    create('delete').close()
    const before = traces()
    expect(() => open().read("insert into things (text) values ('x')")).toThrow(CommandError)
    expect(traces()).toEqual(before)
  })

  it('is found behind a link', () => {
    const other = create('wal')
    symlinkSync(file, join(root, 'link.db'))
    expect(countIn(open(join(root, 'link.db')))).toBe(3)
    other.close()
  })
})

describe('a database in use', () => {
  it('is read with what is only in its log, and not touched', () => {
    const other = create('wal')
    other.run('pragma wal_checkpoint(truncate)')
    other.run("insert into things (text) values ('only in the log')")
    expect(readFileSync(file).includes('only in the log')).toBe(false)
    const before = traces()
    const source = open()
    expect(source.read('select text from things where id = 4')).toEqual([{ text: 'only in the log' }])
    source.close()
    expect(traces()).toEqual(before)
    other.close()
  })

  it('whose writer was killed is read with what it left in its log', () => {
    const other = create('wal')
    const left = join(directory, 'left.db')
    for (const ending of ['', '-wal']) copyFileSync(`${file}${ending}`, `${left}${ending}`)
    other.close()
    const before = readdirSync(directory)
    expect(countIn(open(left))).toBe(3)
    expect(readdirSync(directory)).toEqual(before)
  })

  it('whose writer is in a transaction, or was killed in one, is read as it was before', () => {
    const other = create('delete')
    const rows = Array.from({ length: 500 }, () => `whole ${'x'.repeat(500)}`)
    other.transaction(() => rows.map((text) => other.run('insert into things (text) values (?)', [text])))()
    // With this little memory the pages go into the file before the transaction ends.
    other.run('pragma cache_size = 1')
    other.run('begin immediate')
    other.run("update things set text = 'half done' || substr(text, 10)")
    expect(readFileSync(file).includes('half done')).toBe(true)
    const before = traces()
    const source = open()
    expect(source.read("select count(*) as count from things where text like 'whole %'")).toEqual([
      { count: 500 },
    ])
    expect(source.read("select count(*) as count from things where text like 'half%'")).toEqual([
      { count: 0 },
    ])
    source.close()
    expect(traces()).toEqual(before)
    other.run('rollback')
    other.close()
  })

  it('is read from a copy as soon as it has changed under the reader', () => {
    const other = create('delete')
    const source = open()
    expect(countIn(source)).toBe(3)
    expect(readdirSync(copies)).toEqual([])
    other.run("insert into things (text) values ('later')")
    expect(countIn(source)).toBe(4)
    other.run("insert into things (text) values ('later still')")
    expect(countIn(source)).toBe(4)
    other.close()
  })

  it.each(['wal', 'delete'])(
    'that another process writes to in the mode %s is whole at every reading',
    async (mode) => {
      create(mode).close()
      const writer = await startWriter()
      let readings = 0
      try {
        for (let round = 0; round < 60; round += 1) if (isWholeOrRefused()) readings += 1
      } finally {
        writer.kill('SIGKILL')
        await writer.exited
      }
      expect(readings).toBeGreaterThan(0)
      expect(readdirSync(copies)).toEqual([])
    },
  )
})

describe('a copy', () => {
  it('is private, complete in itself, and removed', () => {
    const other = create('wal')
    const snapshot = takeSnapshot(file)
    expect(statSync(snapshot.file).mode & 0o777).toBe(0o600)
    expect(statSync(join(snapshot.file, '..')).mode & 0o777).toBe(0o700)
    expect(readdirSync(join(snapshot.file, '..'))).toEqual(['copy.db'])
    snapshot.remove()
    expect(readdirSync(copies)).toEqual([])
    other.close()
  })

  it.skipIf(process.platform === 'win32')('has no name any more when the first row is read', () => {
    const other = create('wal')
    const source = open()
    expect(readdirSync(copies)).toEqual([])
    expect(countIn(source)).toBe(3)
    other.close()
  })

  it('is removed when it cannot be read', () => {
    writeFileSync(file, `SQLite format 3\0${'\xff'.repeat(8_176)}`, 'latin1')
    writeFileSync(`${file}-wal`, randomBytes(100))
    expect(() => countIn(open())).toThrow(CommandError)
    expect(readdirSync(copies)).toEqual([])
  })
})

describe('what cannot be read', () => {
  it.each([
    ['no file', () => {}, EXIT.notFound, 'There is no file PATH.'],
    ['a directory', () => mkdirSync(file), EXIT.usage, 'PATH is a directory.'],
    ['an empty file', () => writeFileSync(file, ''), EXIT.failure, 'The file PATH is empty.'],
    ['a text', () => writeFileSync(file, 'CANARY'), EXIT.failure, 'The file PATH is not an SQLite database'],
    [
      'an encrypted one',
      () => writeFileSync(file, randomBytes(8_192)),
      EXIT.failure,
      'The file PATH is not an SQLite database, or it is encrypted.',
    ],
    ['a damaged one', damage, EXIT.failure, 'The database PATH is damaged.'],
  ])('is told of %s', (_what, prepare, exitCode, sentence) => {
    prepare()
    const error = thrownBy(() => countIn(open()))
    expect(error.message).toStartWith(sentence.replace('PATH', file))
    expect(error.exitCode).toBe(exitCode as never)
    expect(existsSync(`${file}-wal`)).toBe(false)
  })

  it.skipIf(process.platform === 'win32')('is told of a device', () =>
    expect(thrownBy(() => open('/dev/zero')).message).toBe('/dev/zero is not a file.'),
  )

  it.each([
    ['EACCES', 'You may not read the file'],
    ['EPERM', 'You may not read the file'],
    ['ENOTDIR', 'There is no file'],
    ['EBUSY', 'Another program holds the file'],
    ['SQLITE_BUSY_SNAPSHOT', 'Another program holds the file'],
    ['SQLITE_CORRUPT_INDEX', 'The database x.db is damaged.'],
    ['ENOSPC', 'There is no room for a copy of x.db'],
    ['EIO', 'The file x.db cannot be read (EIO).'],
  ])('is told of %s', (code, sentence) => {
    const error = toCommandError('x.db', Object.assign(new Error('CANARY'), { code }))
    expect(String(error)).toStartWith(`CommandError: ${sentence}`)
    expect(String(error)).not.toContain('CANARY')
  })

  it('is told without what SQLite says of it', () => {
    create('delete').close()
    const error = thrownBy(() => open().read("select 'CANARY' from nothing"))
    expect(error.message).toBe(`The file ${file} cannot be read (SQLITE_ERROR).`)
  })

  it('leaves bugs what they are', () => {
    const bug = new TypeError('a bug')
    expect(toCommandError('x.db', bug)).toBe(bug)
    expect(bug).not.toBeInstanceOf(SQLiteError)
  })
})

function create(mode: string): Sqlite {
  const database = new Sqlite(file)
  database.run(`pragma journal_mode = ${mode}`)
  database.run('create table things (id integer primary key, text text)')
  for (const id of [1, 2, 3]) database.run('insert into things (text) values (?)', [`thing ${id}`])
  return database
}

/** Its pages are nonsense from the second on. */
function damage(): void {
  const database = create('delete')
  database.close()
  const bytes = readFileSync(file)
  writeFileSync(file, Buffer.concat([bytes.subarray(0, 4_096), randomBytes(bytes.length - 4_096)]))
}

function open(path = file): Source {
  const source = openSource(path)
  opened.push(source)
  return source
}

/** False when the file changed faster than it could be copied, which is said and right too. */
function isWholeOrRefused(): boolean {
  try {
    const source = open()
    const [row] = source.read(PAIRS)
    expect(row?.rows).toBe(2 * Number(row?.pairs))
    expect(source.read('pragma integrity_check')).toEqual([{ integrity_check: 'ok' }])
    return true
  } catch (error) {
    if (error instanceof CommandError && error.message.includes('written to all the time')) return false
    throw error
  } finally {
    opened.pop()?.close()
  }
}

const countIn = (source: Source): unknown => source.read('select count(*) as count from things')[0]?.count

/** Everything in the database's directory: names, bytes, and when they were last written. */
const traces = (): unknown =>
  readdirSync(directory).map((name) => {
    const path = join(directory, name)
    return [name, statSync(path, { bigint: true }).mtimeNs, Bun.hash(readFileSync(path))]
  })

/** Writes two rows of one text in each transaction until it is killed, and empties its log now and then. */
async function startWriter(): Promise<Bun.Subprocess> {
  const script = `
    const { Database } = require('bun:sqlite')
    const database = new Database(process.argv[1])
    database.run('pragma busy_timeout = 5000')
    database.run('pragma synchronous = off')
    for (let pair = 0; ; pair++) {
      database.run('begin immediate')
      for (const half of [1, 2]) database.run('insert into things (text) values (?)', ['pair ' + pair + ' '.repeat(500)])
      database.run('commit')
      Bun.sleepSync(1)
      if (pair % 50 === 0) database.run('pragma wal_checkpoint(truncate)')
      if (pair === 20) console.log('writing')
      if (pair % 1000 === 999) database.run("delete from things where text like 'pair%'")
    }`
  const child = Bun.spawn([process.execPath, '-e', script, file], { stdout: 'pipe', stderr: 'inherit' })
  const { value } = await child.stdout.getReader().read()
  if (Buffer.from(value ?? []).toString() !== 'writing\n') throw new Error('The writer did not begin.')
  return child
}

function thrownBy(work: () => unknown): CommandError {
  try {
    work()
  } catch (error) {
    if (error instanceof CommandError) return error
    throw error
  }
  throw new Error('Nothing was thrown.')
}
