/** What keys have used is counted with the ledger's rows, outlives them, and is right after a crash (G6). */
import { describe, expect, it } from 'bun:test'
import { databases } from '../../test/support/databases.ts'
import { openLedger, withOutages } from '../../test/support/ledgers.ts'
import { NOON, sampleRow } from '../../test/support/samples.ts'
import type { CountedUse } from '../core/key-use.ts'
import type { LedgerRow } from '../core/ledger.ts'
import { DAY, HOUR, later, MINUTE, type Millis, SECOND } from '../core/time.ts'
import { type Database, numberOf } from './database.ts'
import { openKeyUsage } from './key-usage.ts'

const tokens = (inputTokens: number) => ({ usage: { inputTokens, outputTokens: 0 } })
const row = (number: number, startedAt: Millis, fields: Parameters<typeof sampleRow>[1] = {}): LedgerRow =>
  sampleRow(number, { keyId: 'ci', key: 'ci', startedAt, durationMs: 0, ...tokens(10), ...fields })

async function countedIn(database: Database, now = NOON): Promise<CountedUse | undefined> {
  return (await openKeyUsage(database, now)).counted.get('ci')
}

describe.each(await databases())('what keys have used, on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  async function write(database: Database, rows: readonly LedgerRow[]): Promise<void> {
    const ledger = openLedger(database, its.directory)
    for (const each of rows) ledger.append(each)
    await ledger.settled()
    await ledger.close()
  }

  it('is nothing where no row was written, or none of the key', async () => {
    const database = await its.open()
    await write(database, [row(1, NOON, { keyId: 'other' }), row(2, NOON, { keyId: undefined })])
    expect(await countedIn(database)).toBeUndefined()
    expect((await openKeyUsage(database, NOON)).counted.get('other')?.day.requests).toBe(1)
  })

  it('adds up by day, week, month and five minutes', async () => {
    const database = await its.open()
    await write(database, [
      row(1, later(NOON, -25 * DAY)),
      row(2, later(NOON, -19 * DAY)),
      row(3, later(NOON, -3 * DAY)),
      row(4, later(NOON, -6 * HOUR)),
      row(5, later(NOON, -2 * HOUR)),
      row(6, later(NOON, -2 * HOUR + MINUTE), { costUsd: undefined }),
      row(7, NOON),
    ])
    expect(await countedIn(database)).toMatchObject({
      month: { requests: 6, tokens: 60, usd: 1.25 },
      week: { requests: 5, tokens: 50, usd: 1 },
      day: { requests: 4, tokens: 40, usd: 0.75 },
      fiveHours: [
        { at: later(NOON, -2 * HOUR), requests: 2, tokens: 20, usd: 0.25 },
        { at: NOON, requests: 1, tokens: 10, usd: 0.25 },
      ],
    })
  })

  it('counts in the day in which a request ended', async () => {
    const database = await its.open()
    const evening = later(NOON, 12 * HOUR - SECOND)
    await write(database, [row(1, evening), row(2, evening, { durationMs: MINUTE })])
    expect((await countedIn(database, evening))?.day.requests).toBe(1)
    expect((await countedIn(database, later(evening, MINUTE)))?.day.requests).toBe(1)
    expect((await countedIn(database, later(evening, MINUTE)))?.month.requests).toBe(2)
  })

  it('leaves out what never reached an account', async () => {
    const database = await its.open()
    const nothing = { attempts: [], costUsd: undefined, ...tokens(0) }
    await write(database, [row(1, NOON, nothing)])
    expect(await countedIn(database)).toBeUndefined()
  })

  it('is right after a crash: rows that were in the journal only count once', async () => {
    const outage = withOutages(await its.open())
    const crashing = openLedger(outage.database, its.directory)
    crashing.append(row(1, NOON))
    await crashing.settled()
    outage.loseAnswer()
    crashing.append(row(2, NOON))
    await crashing.settled()
    outage.begin()
    crashing.append(row(3, NOON))
    await crashing.settled()
    const database = await its.reopen()
    const ledger = openLedger(database, its.directory)
    await ledger.recover()
    await ledger.recover()
    expect((await countedIn(database))?.month).toMatchObject({ requests: 3, tokens: 30, usd: 0.75 })
    await ledger.close()
  })

  it('outlives the rows of the ledger', async () => {
    const database = await its.open()
    await write(database, [row(1, later(NOON, -9 * DAY))])
    await database.commit([{ text: 'delete from requests', values: [] }], 'normal')
    expect((await countedIn(database))?.month.requests).toBe(1)
  })

  it('is forgotten when no budget counts it any more', async () => {
    const database = await its.open()
    await write(database, [row(1, NOON)])
    const usage = await openKeyUsage(database, NOON)
    const left = async (): Promise<readonly string[]> =>
      (await database.load('select span, starts_at from key_usage order by span')).map(
        (each) => `${String(each.span)} ${numberOf(each, 'starts_at') > 0}`,
      )
    await usage.forget(later(NOON, 5 * HOUR))
    expect(await left()).toEqual(['5min true', 'day true'])
    await usage.forget(later(NOON, 2 * DAY))
    expect(await left()).toEqual(['day true'])
    await usage.forget(later(NOON, 31 * DAY))
    expect(await left()).toEqual(['day true'])
    await usage.forget(later(NOON, 63 * DAY))
    expect(await left()).toEqual([])
  })
})
