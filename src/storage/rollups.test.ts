/**
 * The history beside the ledger: it says what the rows say, for every question, whatever has
 * happened to the process or the database, also after the rows are gone.
 */
import { describe, expect, it } from 'bun:test'
import { databases } from '../../test/support/databases.ts'
import { expected, plainly, question, sumsOfRows, variousRows } from '../../test/support/histories.ts'
import { openLedger, withOutages } from '../../test/support/ledgers.ts'
import { makeOld } from '../../test/support/old-databases.ts'
import { idOf, NOON, sampleAccount, sampleRow } from '../../test/support/samples.ts'
import type { LedgerRow } from '../core/ledger.ts'
import type { HistoryQuestion, RequestLog } from '../core/ports/request-log.ts'
import { DIMENSIONS, type Dimension, SIZES, startOf } from '../core/rollup.ts'
import { DAY, HOUR, later, MINUTE } from '../core/time.ts'
import { openAccounts } from './accounts.ts'
import { type Database, numberOf, statement } from './database.ts'
import type { ClosableLedger } from './ledger.ts'
import { FIRST_COLUMNS, valuesOf } from './ledger-rows.ts'
import { createRequestLog } from './requests.ts'
import { createRetention } from './retention.ts'

/** Portions of 600 rows, and of 300. */
const SMALL = { portionShare: 0.1 }
/** More than a portion of every cut, and some that are left over. */
const MANY = variousRows(1_700)

const nameOf = (dimension: Dimension, value: string): string => {
  if (dimension === 'account') return value.replace(idOf(''), '')
  return dimension === 'key' ? value.replace('key-', '') : value
}

const QUESTIONS: readonly (readonly [string, Partial<HistoryQuestion>])[] = [
  ['everything together', {}],
  ['everything by the day', { from: startOf(later(NOON, -2 * DAY), SIZES.day), bucket: SIZES.day }],
  ['the last hours in steps of five minutes', { from: later(NOON, -6 * HOUR), bucket: SIZES.fiveMinutes }],
  ...DIMENSIONS.map((groupBy) => [`by ${groupBy}`, { groupBy }] as const),
  ['one account’s models', { groupBy: 'model', filters: { account: idOf('a') } }],
  ['one model’s accounts', { groupBy: 'account', filters: { model: 'opus' } }],
  ['one key’s outcomes', { groupBy: 'outcome', filters: { key: 'key-ci' } }],
  ['the sessions of one account', { groupBy: 'session', filters: { account: idOf('b') } }],
  ['the agents of one key with one outcome', { groupBy: 'agent', filters: { key: 'key-ci', outcome: 'ok' } }],
  ['three filters', { groupBy: 'model', filters: { account: idOf('a'), key: 'key-ci', outcome: 'aborted' } }],
  ['what was served by nobody', { filters: { account: '' } }],
  ['what there is nothing of', { groupBy: 'key', filters: { model: 'none' } }],
]

describe.each(await databases())('the history beside the ledger on %s', (_kind, useDatabase) => {
  const its = useDatabase()

  const append = (ledger: ClosableLedger, rows: readonly LedgerRow[]): void => {
    for (const row of rows) ledger.append(row)
  }

  async function filled(rows: readonly LedgerRow[]) {
    const database = await its.open()
    const ledger = openLedger(database, its.directory, SMALL)
    // In several batches, as they come.
    for (let at = 0; at < rows.length; at += 350) {
      append(ledger, rows.slice(at, at + 350))
      await ledger.settled()
    }
    // Whatever is written takes one cut further: most of each is in cells then.
    for (let turn = 0; turn < 12; turn++) await ledger.addOld([])
    return { database, ledger, log: createRequestLog(database, ledger) }
  }

  async function expectHistoryOf(log: RequestLog, rows: readonly LedgerRow[]): Promise<void> {
    for (const [what, fields] of QUESTIONS) {
      const asked = question(fields)
      expect([what, plainly(await log.history(asked))]).toEqual([what, expected(rows, asked, nameOf)])
    }
    for (const since of [
      undefined,
      later(NOON, -3 * DAY + 1),
      later(NOON, -5 * HOUR),
      later(NOON, -7 * MINUTE),
    ]) {
      const own = rows.filter(({ startedAt }) => since === undefined || startedAt >= since)
      expect(await log.sums(since)).toEqual(sumsOfRows(own))
      const byAccount = await log.sumsBy('account', since)
      expect(byAccount.map(({ name, requests }) => [name, requests]).sort()).toEqual(
        [...Map.groupBy(own, ({ account }) => account)]
          .map(([name, all]) => [name, all.length] as [string | undefined, number])
          .sort(),
      )
    }
  }

  it('says what the rows say, to every question, whether they are in cells or wait in the tail', async () => {
    const { database, ledger, log } = await filled(MANY)
    const cells = await database.load("select count(*) as count from rollups where cut = 'account key'")
    expect(numberOf(cells[0] ?? {}, 'count')).toBeGreaterThan(100)
    await expectHistoryOf(log, MANY)
    await ledger.close()
  })

  it('is the same for whoever opens the database next, in an orderly way or after a kill', async () => {
    const { database } = await filled(MANY)
    const next = openLedger(database, its.directory, SMALL)
    await expectHistoryOf(createRequestLog(database, next), MANY)
    const more = variousRows(2_000).slice(1_700)
    append(next, more)
    await next.settled()
    await expectHistoryOf(createRequestLog(database, next), [...MANY, ...more])
    await next.close()
  })

  it('counts a row once when a commit’s answer is lost, and when the database goes away between rows and cells', async () => {
    const outage = withOutages(await its.open())
    const ledger = openLedger(outage.database, its.directory, SMALL)
    append(ledger, MANY.slice(0, 300))
    await ledger.settled()
    outage.loseAnswer()
    append(ledger, MANY.slice(300, 600))
    await ledger.settled()
    for (let calls = 1; calls < 12; calls++) {
      append(ledger, MANY.slice(calls * 600, calls * 600 + 600))
      outage.beginAfter(calls)
      await ledger.settled()
      outage.end()
      await ledger.settled()
    }
    await expectHistoryOf(createRequestLog(outage.database, ledger), MANY)
    await ledger.close()
  })

  it('counts history of another program, whenever that was, and each row once', async () => {
    const { ledger, log } = await filled(MANY.slice(0, 1_000))
    expect(await ledger.addOld(MANY.slice(500, 1_500))).toBe(500)
    expect(await ledger.addOld(MANY)).toBe(200)
    await expectHistoryOf(log, MANY)
    await ledger.close()
  })

  it('outlives the rows, and the names of what is gone', async () => {
    const { database, ledger, log } = await filled(MANY)
    await (await openAccounts(database, () => {})).add(sampleAccount('b', { name: 'renamed' }))
    const asked = question({ groupBy: 'account' })
    const before = plainly(await log.history(asked))
    expect(Object.keys(before.groups).sort()).toEqual(['', 'a', 'c', 'renamed'])
    await createRetention(database, ledger.rollups.isWhole).forgetRequests(later(NOON, DAY), () => false)
    expect(await log.list({ limit: 1 })).toEqual([])
    expect(plainly(await log.history(asked))).toEqual(before)
    expect(await log.sums(undefined)).toEqual(sumsOfRows(MANY))
    await ledger.close()
  })

  it('says that there are more groups than it tells apart, and counts all of them in the total', async () => {
    const { ledger, log } = await filled(MANY)
    const { total, groups, hasMore } = await log.history(question({ groupBy: 'session', mostGroups: 3 }))
    const all = await log.history(question({ groupBy: 'session' }))
    expect(hasMore).toBe(true)
    expect(groups).toEqual(all.groups.slice(0, 3))
    expect(total).toEqual(all.total)
    await ledger.close()
  })

  it('forgets finer sums after their time, and still says what the rows say', async () => {
    const { database, ledger, log } = await filled(MANY)
    const inTwoDays = later(NOON, 2 * DAY)
    const since = startOf(later(NOON, -DAY), SIZES.day)
    let portions = 1
    while (await ledger.trimHistory(inTwoDays)) portions++
    expect(portions).toBeGreaterThan(1)
    expect(await log.keptSince(SIZES.fiveMinutes)).toBe(since)
    expect(await log.keptSince(SIZES.hour)).toBeLessThan(NOON - 90 * DAY)
    const left = await database.load('select min(starts_at) as first from rollups where size = $1', [
      SIZES.fiveMinutes,
    ])
    expect(numberOf(left[0] ?? {}, 'first')).toBeGreaterThanOrEqual(since)
    for (const moment of [later(NOON, -2 * DAY + 12_345), later(NOON, -10 * HOUR + 1)]) {
      const own = MANY.filter(({ startedAt }) => startedAt >= moment)
      expect(await log.sums(moment)).toEqual(sumsOfRows(own))
    }
    await ledger.close()
  })
})

describe.each(await databases())('a ledger from before there was a history, on %s', (_kind, useDatabase) => {
  const its = useDatabase()
  const OLD = MANY.filter((_, index) => index % 3 !== 0)
  const OLD_INSERT = `insert into requests (${FIRST_COLUMNS.join(', ')})
    values (${FIRST_COLUMNS.map((_, index) => `$${index + 1}`).join(', ')})`
  const FORGOTTEN_BY_OTHERS = MANY.filter((_, index) => index % 3 === 0)

  async function openOld(): Promise<Database> {
    const old = await its.openAsIs()
    await makeOld(old, 3)
    for (let at = 0; at < OLD.length; at += 500) {
      const rows = OLD.slice(at, at + 500)
      await old.commit(
        rows.map((row) => statement(OLD_INSERT, ...valuesOf(row).slice(0, FIRST_COLUMNS.length))),
        'full',
      )
    }
    return its.reopen()
  }

  const answers = async (log: RequestLog, rows: readonly LedgerRow[]): Promise<void> => {
    for (const [what, fields] of QUESTIONS.slice(0, 6)) {
      const asked = question({ to: later(NOON, HOUR), ...fields })
      expect([what, plainly(await log.history(asked))]).toEqual([what, expected(rows, asked, nameOf)])
    }
    expect(await log.sums(undefined)).toEqual(sumsOfRows(rows))
  }

  it('is brought in by and by; answers are right before, while and after, also when rows come in between', async () => {
    const database = await openOld()
    let ledger = openLedger(database, its.directory, SMALL)
    let log = createRequestLog(database, ledger)
    let rows: readonly LedgerRow[] = OLD
    expect(await ledger.rollups.isWhole()).toBe(false)
    await answers(log, rows)
    for (let step = 0, isMore = true; isMore; step++) {
      const fresh = sampleRow(10_000 + step)
      ledger.append(fresh)
      // Older rows, some of them where it has been already, some where it has still to come.
      const others = FORGOTTEN_BY_OTHERS.filter((_, index) => index % 4 === step)
      await ledger.addOld(others)
      rows = [...rows, fresh, ...others]
      await ledger.settled()
      // A process that was killed here, and its successor.
      ledger = openLedger(database, its.directory, SMALL)
      log = createRequestLog(database, ledger)
      isMore = await ledger.bringInOld()
      await answers(log, rows)
    }
    expect(await ledger.rollups.isWhole()).toBe(true)
    expect(await ledger.bringInOld()).toBe(false)
    await ledger.close()
  })

  it('is not forgotten before it was brought in', async () => {
    const database = await openOld()
    const ledger = openLedger(database, its.directory, SMALL)
    const retention = createRetention(database, ledger.rollups.isWhole)
    const forget = () => retention.forgetRequests(later(NOON, DAY), () => false)
    expect(await forget()).toBe(0)
    expect(await retention.fitInto(1, later(NOON, DAY), () => false)).toEqual({ forgotten: 0, fits: true })
    while (await ledger.bringInOld());
    expect(await forget()).toBe(OLD.length)
    await ledger.close()
  })
})
