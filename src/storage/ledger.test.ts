/**
 * The ledger loses nothing and counts nothing twice (G6): rows are in the journal first, rows and
 * totals go into the database together, and a database that is away costs patience only.
 */
import { describe, expect, it } from 'bun:test'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { databases } from '../../test/support/databases.ts'
import {
  fullJournal,
  idsOf,
  journalFileIn,
  openLedger,
  rowsIn,
  sumsOf,
  withOutages,
} from '../../test/support/ledgers.ts'
import { idOf, memoryLog, rowIdOf, sampleRow } from '../../test/support/samples.ts'
import type { LedgerRow } from '../core/ledger.ts'
import { type Database, statement } from './database.ts'
import { openJournal } from './journal.ts'
import { readTotals } from './totals.ts'

const MOST_IN_MEMORY = 5_000

describe.each(await databases())('the ledger on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  it('gives rows back as they were appended', async () => {
    const database = await its.open()
    const ledger = openLedger(database, its.directory)
    const rows = [sampleRow(1), everythingSet(2), nothingSet(3)]
    for (const row of rows) ledger.append(row)
    await ledger.settled()
    expect(await rowsIn(database)).toEqual(rows)
    expect(ledger.status()).toEqual({ waiting: 0, lost: 0, problem: undefined })
    await ledger.close()
  })

  it('has a row in its journal when append returns, before the database has it', async () => {
    const database = await its.open()
    const ledger = openLedger(database, its.directory)
    ledger.append(everythingSet(1))
    expect(openJournal(journalFileIn(its.directory)).read(0, 1_000_000).lines).toHaveLength(1)
    expect(readFileSync(journalFileIn(its.directory), 'utf8')).toContain(rowIdOf(1))
    expect(ledger.status().waiting).toBe(1)
    expect(await rowsIn(database)).toEqual([])
    await ledger.close()
    expect(await rowsIn(database)).toEqual([everythingSet(1)])
  })

  it('has totals that equal the sums of its rows, whatever came and however it was cut up', async () => {
    const database = await its.open()
    const ledger = openLedger(database, its.directory)
    const [batches = []] = fc.sample(
      fc.array(fc.array(arbitraryFields, { maxLength: 12 }), { minLength: 12 }),
      {
        numRuns: 1,
        seed: 7,
      },
    )
    let last = 0
    for (const batch of batches) {
      for (const fields of batch) ledger.append(sampleRow(++last, fields))
      if (batch.length % 2 === 0) await ledger.settled()
    }
    await ledger.close()
    const rows = await rowsIn(database)
    expect(rows).toHaveLength(last)
    expect(await readTotals(database)).toEqual(sumsOf(rows))
  })

  it('takes rows that come while others are being written', async () => {
    const database = await its.open()
    const ledger = openLedger(database, its.directory)
    const appended = Array.from({ length: 1_200 }, (_, index) => sampleRow(index))
    for (const row of appended.slice(0, 600)) ledger.append(row)
    const settling = ledger.settled()
    for (const row of appended.slice(600)) ledger.append(row)
    await settling
    await ledger.close()
    expect(idsOf(await rowsIn(database))).toEqual(idsOf(appended))
  })

  it('keeps its journal small once the database has everything', async () => {
    const database = await its.open()
    const journal = openJournal(journalFileIn(its.directory))
    const ledger = openLedger(database, its.directory, { journal })
    for (let n = 0; n < 1_000; n++) ledger.append(sampleRow(n))
    expect(journal.bytes).toBeGreaterThan(256 << 10)
    await ledger.settled()
    expect(journal.bytes).toBe(0)
    await ledger.close()
  })
})

describe.each(await databases())('a ledger whose database is away, on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  it('lets rows wait, says so, and brings them in when it is back', async () => {
    const outage = withOutages(await its.open())
    const log = memoryLog()
    const ledger = openLedger(outage.database, its.directory, { log })
    outage.begin()
    for (let n = 1; n <= 3; n++) ledger.append(sampleRow(n))
    await ledger.settled()
    await ledger.settled()
    expect(ledger.status()).toEqual({
      waiting: 3,
      lost: 0,
      problem: 'The database does not take rows: The cable is cut.',
    })
    outage.end()
    await ledger.settled()
    expect(ledger.status()).toEqual({ waiting: 0, lost: 0, problem: undefined })
    expect(idsOf(await rowsIn(outage.database))).toEqual([rowIdOf(1), rowIdOf(2), rowIdOf(3)])
    expect(log.lines).toEqual([
      'error The database does not take rows; they wait in the journal.',
      'info The database takes rows again.',
    ])
    await ledger.close()
  })

  it('books nothing twice when only the answer to a commit was lost', async () => {
    const outage = withOutages(await its.open())
    const ledger = openLedger(outage.database, its.directory)
    outage.loseAnswer()
    ledger.append(sampleRow(1))
    await ledger.settled()
    ledger.append(sampleRow(2))
    await ledger.close()
    const rows = await rowsIn(outage.database)
    expect(idsOf(rows)).toEqual([rowIdOf(1), rowIdOf(2)])
    expect(await readTotals(outage.database)).toEqual(sumsOf(rows))
  })

  it('finds what did not fit into memory in its journal again, once', async () => {
    const outage = withOutages(await its.open())
    const ledger = openLedger(outage.database, its.directory)
    outage.begin()
    const appended = Array.from({ length: MOST_IN_MEMORY + 120 }, (_, index) => sampleRow(index))
    for (const row of appended) ledger.append(row)
    expect(ledger.status().waiting).toBe(MOST_IN_MEMORY)
    outage.end()
    await ledger.settled()
    const rows = await rowsIn(outage.database)
    expect(idsOf(rows)).toEqual(idsOf(appended))
    expect(await readTotals(outage.database)).toEqual(sumsOf(rows))
    expect(ledger.status()).toEqual({ waiting: 0, lost: 0, problem: undefined })
    await ledger.close()
  })

  it('goes on after an outage in the very moment in which the journal was being read back', async () => {
    const outage = withOutages(await its.open())
    const ledger = openLedger(outage.database, its.directory)
    outage.begin()
    const appended = Array.from({ length: MOST_IN_MEMORY + 1 }, (_, index) => sampleRow(index))
    for (const row of appended) ledger.append(row)
    await ledger.settled()
    outage.beginAfter(2 * (MOST_IN_MEMORY / 500) + 1)
    await ledger.settled()
    expect(ledger.status().problem).toContain('The cable is cut.')
    outage.end()
    await ledger.settled()
    expect(idsOf(await rowsIn(outage.database))).toEqual(idsOf(appended))
    await ledger.close()
  })

  it('counts what neither the database nor a full journal takes as lost, and never throws', async () => {
    const outage = withOutages(await its.open())
    const ledger = openLedger(outage.database, its.directory, { journal: fullJournal() })
    outage.begin()
    for (let n = 0; n < MOST_IN_MEMORY + 3; n++) ledger.append(sampleRow(n))
    await ledger.settled()
    expect(ledger.status()).toMatchObject({ waiting: MOST_IN_MEMORY, lost: 3 })
    outage.end()
    await ledger.close()
    expect(await rowsIn(outage.database)).toHaveLength(MOST_IN_MEMORY)
  })

  it('lets rows wait as long as the trouble is not with the rows themselves', async () => {
    const database = await its.open()
    const ledger = openLedger(database, its.directory)
    await database.commit([statement('alter table requests rename to requests_aside')], 'full')
    ledger.append(sampleRow(1))
    await ledger.settled()
    expect(ledger.status()).toMatchObject({ waiting: 1, lost: 0 })
    expect(ledger.status().problem).toContain('requests')
    await database.commit([statement('alter table requests_aside rename to requests')], 'full')
    await ledger.settled()
    expect(idsOf(await rowsIn(database))).toEqual([rowIdOf(1)])
    await ledger.close()
  })

  it('says that its journal is full even while the database takes everything', async () => {
    const ledger = openLedger(await its.open(), its.directory, { journal: fullJournal() })
    ledger.append(sampleRow(1))
    await ledger.settled()
    expect(ledger.status()).toEqual({
      waiting: 0,
      lost: 0,
      problem: 'The journal could not be written: the disk is full.',
    })
    await ledger.close()
  })

  it('keeps its journal when it has to close, and the next process brings the rows in', async () => {
    const outage = withOutages(await its.open())
    const ledger = openLedger(outage.database, its.directory)
    outage.begin()
    ledger.append(sampleRow(1))
    await ledger.close()
    const database = await its.reopen()
    const next = openLedger(database, its.directory)
    expect(await next.recover()).toBe(1)
    expect(idsOf(await rowsIn(database))).toEqual([rowIdOf(1)])
    await next.close()
  })
})

describe.each(await databases())('deferred writes on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  const setting = (name: string, value: string) => () =>
    statement(
      `insert into settings (name, value_json) values ($1, $2)
       on conflict (name) do update set value_json = excluded.value_json`,
      ...[name, value],
    )
  const impossible = () => statement('insert into meta (name, value) values ($1, $2)', 'a', null)
  const settingsIn = async (database: Database): Promise<readonly unknown[]> => {
    const rows = await database.load('select * from settings order by name')
    return rows.map(({ name, value_json }) => `${name}=${value_json}`)
  }

  it('are written as they are last, in the same commit as the rows', async () => {
    const outage = withOutages(await its.open())
    const ledger = openLedger(outage.database, its.directory)
    ledger.append(sampleRow(1))
    ledger.defer('a', setting('a', '1'))
    ledger.defer('a', setting('a', '2'))
    ledger.hurry('b', setting('b', '3'))
    // Three to learn where the history stands, and the commit.
    outage.beginAfter(4)
    await ledger.settled()
    outage.end()
    expect(await settingsIn(outage.database)).toEqual(['a=2', 'b=3'])
    expect(await rowsIn(outage.database)).toHaveLength(1)
    await ledger.close()
  })

  it('wait for the database like rows, and what is newer by then counts', async () => {
    const outage = withOutages(await its.open())
    const ledger = openLedger(outage.database, its.directory)
    outage.begin()
    ledger.hurry('a', setting('a', '1'))
    ledger.defer('b', setting('b', '1'))
    await ledger.settled()
    ledger.defer('a', setting('a', '2'))
    outage.end()
    await ledger.settled()
    expect(await settingsIn(outage.database)).toEqual(['a=2', 'b=1'])
    await ledger.close()
  })

  it('that cannot be stored are given up alone', async () => {
    const database = await its.open()
    const log = memoryLog()
    const ledger = openLedger(database, its.directory, { log })
    ledger.defer('a', setting('a', '1'))
    ledger.defer('bad', impossible)
    ledger.defer('b', setting('b', '1'))
    ledger.append(sampleRow(1))
    await ledger.settled()
    expect(await settingsIn(database)).toEqual(['a=1', 'b=1'])
    expect(await rowsIn(database)).toHaveLength(1)
    expect(log.lines).toEqual(['error A change of state could not be stored and is given up.'])
    expect(ledger.status()).toEqual({ waiting: 0, lost: 0, problem: undefined })
    await ledger.close()
  })
})

/** Costs in quarters, so that sums are exact in whatever order they are made. */
const arbitraryFields = fc
  .record({
    account: fc.constantFrom('a', 'b', 'c', undefined),
    inputTokens: fc.nat(2_000_000_000),
    outputTokens: fc.nat(1_000_000),
    quarters: fc.option(fc.nat(1_000), { nil: undefined }),
  })
  .map(({ account, inputTokens, outputTokens, quarters }) => ({
    account,
    accountId: account === undefined ? undefined : idOf(account),
    usage: { inputTokens, outputTokens },
    costUsd: quarters === undefined ? undefined : quarters / 4,
  }))

const everythingSet = (number: number): LedgerRow =>
  sampleRow(number, {
    keyId: 'key-1',
    key: 'laptop',
    session: 'it’s "a" session\n組',
    agent: 'agent-1',
    servedModel: 'glm-5',
    stream: true,
    status: 529,
    outcome: 'upstream-error',
    attempts: [
      { account: 'b', status: 429, failure: 'throttled', detail: 'Too many', ms: 3 },
      { account: 'a', ms: 9 },
    ],
    decision: { strategy: 'session', refusal: 'none', candidates: [{ account: 'b', excluded: 'cooling' }] },
    ttftMs: 7,
    usage: {
      inputTokens: 3_000_000_000,
      outputTokens: 2,
      cacheReadTokens: 3,
      cacheWrite5mTokens: 4,
      cacheWrite1hTokens: 5,
      webSearches: 6,
    },
    costUsd: 1e-9,
    error: "Overloaded: ' or 1=1 --",
  })

const nothingSet = (number: number): LedgerRow =>
  sampleRow(number, {
    provider: undefined,
    accountId: undefined,
    account: undefined,
    model: undefined,
    servedModel: undefined,
    status: 0,
    outcome: 'aborted',
    attempts: [],
    decision: { strategy: 'affinity', candidates: [] },
    usage: { inputTokens: 0, outputTokens: 0, complete: false },
    costUsd: undefined,
  })
