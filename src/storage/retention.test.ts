/** What is past its time goes, step by step, and nothing else; a budget is kept; pages go back to the disk. */
import { describe, expect, it } from 'bun:test'
import { statSync } from 'node:fs'
import { databases } from '../../test/support/databases.ts'
import { idsOf, openLedger, rowsIn } from '../../test/support/ledgers.ts'
import { openStores } from '../../test/support/old-databases.ts'
import { idOf, NOON, rowIdOf, sampleBinding, sampleRow } from '../../test/support/samples.ts'
import { HOUR, later, type Millis, toMillis } from '../core/time.ts'
import { type Database, numberOf, type Statement, statement } from './database.ts'
import { MOST_OWNERS } from './owners.ts'
import { createRetention } from './retention.ts'
import { sweepAway } from './sweeping.ts'

const never = (): boolean => false
const at = (number: number): Millis => toMillis(NOON + number)

async function book(
  database: Database,
  directory: string,
  numbers: readonly number[],
  text = '',
): Promise<void> {
  const ledger = openLedger(database, directory)
  for (const number of numbers) ledger.append(sampleRow(number, { error: text }))
  await ledger.close()
}

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index + 1)

async function count(database: Database, table: string): Promise<number> {
  const [row = {}] = await database.load(`select count(*) as count from ${table}`)
  return numberOf(row, 'count')
}

describe.each(await databases())('retention on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  it('forgets ledger rows that began before a moment, and nothing else', async () => {
    const database = await its.open()
    await book(database, its.directory, upTo(620))
    const totals = await database.load('select * from account_totals')
    expect(await createRetention(database, async () => true).forgetRequests(at(611), never)).toBe(610)
    expect(idsOf(await rowsIn(database))).toEqual(upTo(620).slice(610).map(rowIdOf))
    expect(await database.load('select * from account_totals')).toEqual(totals)
    expect(await createRetention(database, async () => true).forgetRequests(at(611), never)).toBe(0)
  })

  it('ends between two steps when it is told to', async () => {
    const database = await its.open()
    await book(database, its.directory, upTo(620))
    let steps = 0
    const forgotten = await createRetention(database, async () => true).forgetRequests(
      at(999),
      () => steps++ === 1,
    )
    expect(forgotten).toBeGreaterThan(0)
    expect(await rowsIn(database)).toHaveLength(620 - forgotten)
    expect(forgotten).toBeLessThan(620)
  })

  it('takes as many rows in a step as take some milliseconds, the first ones first', async () => {
    const asked: number[] = []
    const sizes = [1, 1, 10, 10, 3, 1]
    const upkeep = {
      ...(await its.open()).upkeep,
      async sweep({ values }: Statement) {
        const rows = Number(values.at(-1))
        asked.push(rows)
        return { changed: asked.length === sizes.length ? 0 : rows, ms: sizes[asked.length - 1] ?? 0 }
      },
    }
    await sweepAway(upkeep, { table: 'requests', key: 'id', which: '', values: [] }, never)
    expect(asked).toEqual([100, 200, 400, 200, 100, 100])
  })

  it('forgets events, those of accounts that are gone too, and conversations that are over', async () => {
    const database = await its.open()
    const storage = await openStores(database, its.directory)
    for (const [hour, account] of ['a', 'gone', 'a'].entries())
      storage.events.add(idOf(account), { at: later(NOON, hour * HOUR), kind: 'paused' })
    storage.bindings.put('old', sampleBinding('a', { usedAt: NOON }))
    storage.bindings.put('new', sampleBinding('a', { usedAt: later(NOON, HOUR) }))
    await storage.ledger.settled()
    expect(await storage.retention.forgetEvents(later(NOON, 2 * HOUR), never)).toBe(2)
    expect(await storage.retention.forgetBindings(later(NOON, 1), never)).toBe(1)
    expect(await database.load('select conversation from bindings')).toEqual([{ conversation: 'new' }])
    expect(await count(database, 'account_events')).toBe(1)
    await storage.close()
  })

  it('forgets the oldest of more files and batches than are remembered', async () => {
    const database = await its.open()
    const retention = createRetention(database, async () => true)
    expect(await retention.forgetOwners(never)).toBe(0)
    const series =
      database.kind === 'sqlite'
        ? 'with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < $1) select n from numbers'
        : 'select n from generate_series(1, $1::int) as numbers (n)'
    const text = `insert into owners (resource, account_id, created_at)
      select 'file_' || n, 'a', n from (${series}) as these`
    await database.commit([statement(text, MOST_OWNERS + 40)], 'normal')
    expect(await retention.forgetOwners(never)).toBe(40)
    const [row = {}] = await database.load('select min(created_at) as oldest from owners')
    expect(numberOf(row, 'oldest')).toBe(41)
  })

  it('knows when the newest row was booked', async () => {
    const database = await its.open()
    expect(await createRetention(database, async () => true).newestRequest()).toBeUndefined()
    await book(database, its.directory, upTo(3))
    expect(await createRetention(database, async () => true).newestRequest()).toBe(at(3))
  })
})

describe.each((await databases()).slice(0, 1))('a budget for a database on %s', (_kind, useDatabase) => {
  const its = useDatabase()
  const BIG = 'x'.repeat(6_000)

  it('is kept by forgetting the oldest rows, as few as are needed', async () => {
    const database = await its.open()
    await book(database, its.directory, upTo(1_500), BIG)
    const retention = createRetention(database, async () => true)
    const { bytes } = await database.upkeep.measure()
    const budget = bytes - 3_000_000
    const { forgotten, fits } = await retention.fitInto(budget, at(9_999), never)
    const after = await database.upkeep.measure()
    expect(fits).toBe(true)
    expect(after.bytes - after.freeBytes).toBeLessThanOrEqual(budget)
    expect(forgotten).toBeGreaterThan(300)
    expect(forgotten).toBeLessThan(1_400)
    expect(idsOf(await rowsIn(database))).toEqual(upTo(1_500).slice(forgotten).map(rowIdOf))
    expect(await retention.fitInto(budget, at(9_999), never)).toEqual({ forgotten: 0, fits: true })
  })

  it('never takes what is to stay, and says that it does not fit', async () => {
    const database = await its.open()
    await book(database, its.directory, upTo(200), BIG)
    const retention = createRetention(database, async () => true)
    expect(await retention.fitInto(1, at(151), never)).toEqual({ forgotten: 150, fits: false })
    expect(idsOf(await rowsIn(database))).toEqual(upTo(200).slice(150).map(rowIdOf))
  })

  it('lets the file grow smaller, and leaves some room in it', async () => {
    const database = await its.open()
    await book(database, its.directory, upTo(6_000), BIG)
    await database.upkeep.compact()
    const before = statSync(its.place).size
    const retention = createRetention(database, async () => true)
    await retention.forgetRequests(at(6_001), never)
    await retention.shrink(never)
    const { freeBytes } = await database.upkeep.measure()
    expect(freeBytes).toBeLessThanOrEqual(16 << 20)
    expect(freeBytes).toBeGreaterThan(10 << 20)
    expect(before).toBeGreaterThan(20 << 20)
    await database.upkeep.compact()
    expect(statSync(its.place).size).toBeLessThan(1 << 20)
  })
})
